package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/script"
)

// hostsCommand is bsdrun hosts [HOST...].
func (c *cli) hostsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosts [HOST...]",
		Short: "Show the hosts and groups of an inventory, and where their settings come from",
		Long: `Show what an inventory comes to: the hosts that the selectors choose (all
without any), their groups, and with -v or -o json every setting and variable
with the group or host it belongs to and the place where it is written.
Variables whose names sound secret are hidden. No host is connected to.`,
		Example: `  bsdrun hosts -i hosts.toml
  bsdrun hosts -i hosts.toml 'web:!web03' -v`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.showHosts(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&c.flags.inventory, "inventory", "i", nil, "inventory `file` or folder (repeatable)")
	f.StringVarP(&c.flags.limit, "limit", "l", "", "only the hosts that match this `selection`")
	f.StringVarP(&c.flags.sshConfig, "ssh-config", "F", "", "ssh_config `file` whose names are the group ssh_config")
	c.flags.addOutput(f)
	return cmd
}

// hosts reads the hosts of the command line, by way of the inventory.
func (c *cli) hosts(args []string) ([]inventory.Host, error) {
	if len(args) == 0 {
		return nil, effect.WithHint(usage("on which hosts?"), "name them: host.example.org, local: for this machine, sim: for a simulated one")
	}
	inv, err := c.readInventory(context.Background())
	if err != nil {
		return nil, err
	}
	return inv.Select(args, c.flags.limit)
}

// readInventory reads the inventories and tells what bsdrun cannot follow of
// them. What the command line says wins over what they say.
func (c *cli) readInventory(ctx context.Context) (*inventory.Inventory, error) {
	if c.read != nil {
		return c.read, nil
	}
	f := &c.flags
	o := inventory.Options{
		Lua:       func(name string, text []byte) (any, error) { return script.LoadData(ctx, name, text) },
		SSHConfig: f.sshConfig,
	}
	for setting, given := range map[string]bool{
		"user": f.user != "", "jump": f.jump != "", "identity": f.identity != "", "become": f.become != "" && f.become != "auto",
	} {
		if given {
			o.Overruled = append(o.Overruled, setting)
		}
	}
	inv, err := inventory.Load(f.inventory, o)
	if err != nil {
		return nil, err
	}
	for _, text := range inv.Told() {
		c.warn(text)
	}
	c.read = inv
	return inv, nil
}

// chosen are the hosts that selectors choose, whatever --limit says.
func (c *cli) chosen(selectors ...string) ([]inventory.Host, error) {
	inv, err := c.readInventory(context.Background())
	if err != nil {
		return nil, err
	}
	return inv.Select(selectors, "")
}

func (c *cli) showHosts(ctx context.Context, args []string) error {
	inv, err := c.readInventory(ctx)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"all"}
	}
	hosts, err := inv.Select(args, c.flags.limit)
	if err != nil {
		return err
	}
	explained := make([]inventory.Explained, len(hosts))
	for i, h := range hosts {
		explained[i] = inv.Explain(h)
	}
	if c.flags.output != "text" {
		return c.asJSON(map[string]any{
			"hosts": explained, "groups": inv.Groups(), "told": append([]string{}, inv.Told()...),
		})
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, x := range explained {
		_, _ = fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s\t%s\t%s", x.Name, reached(x), strings.Join(x.Groups, " ")), " \t"))
		if c.flags.verbose {
			printOrigins(w, "", x.Settings)
			printOrigins(w, "vars.", x.Vars)
		}
	}
	return w.Flush()
}

// reached is how a host is reached, in a word.
func reached(x inventory.Explained) string {
	if x.Kind != inventory.SSH {
		return string(x.Kind) + ":"
	}
	to := x.Address
	if x.User != "" {
		to = x.User + "@" + to
	}
	if x.Port != 0 {
		if strings.Contains(x.Address, ":") {
			to = strings.Replace(to, x.Address, "["+x.Address+"]", 1)
		}
		to += fmt.Sprintf(":%d", x.Port)
	}
	return to
}

func printOrigins(w *tabwriter.Writer, prefix string, origins []inventory.Origin) {
	for _, o := range origins {
		value, err := json.Marshal(o.Value)
		if err != nil {
			value = []byte("?")
		}
		words := slices.DeleteFunc([]string{o.Of, o.At}, func(s string) bool { return s == "" })
		_, _ = fmt.Fprintf(w, "    %s%s = %s\t%s\n", prefix, o.Name, value, strings.Join(words, ", "))
	}
}
