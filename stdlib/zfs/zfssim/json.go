package zfssim

import (
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// checkJSON refuses an option that only JSON documents have.
func (c *call) checkJSON() int {
	if c.Has("json-int") && !c.Has("j") {
		return c.misuse("'--json-int' only works with '-j' option")
	}
	return 0
}

// printDatasets is zfs list -j.
func (c *call) printDatasets(command string, found []*state.Dataset, props []zfs.Property) int {
	list := cli.Object{}
	for _, d := range found {
		values := cli.Object{}
		for _, p := range props {
			if p.Name == nameProperty.Name {
				continue
			}
			value, source, _ := c.read(d, p, c.Has("p") || c.Has("json-int"))
			values = append(values, cli.Field{Key: p.Name, Value: c.valueJSON(value, source)})
		}
		list = append(list, cli.Field{Key: d.Name, Value: append(c.datasetJSON(d), cli.Field{Key: "properties", Value: values})})
	}
	return c.PrintJSON(command, cli.Field{Key: "datasets", Value: list})
}

// printDatasetProperties is zfs get -j.
func (c *call) printDatasetProperties(found []*state.Dataset, sources []string) int {
	list := cli.Object{}
	for _, d := range found {
		values := cli.Object{}
		for _, s := range c.showProperties(d, c.Has("p") || c.Has("json-int"), sources) {
			values = append(values, cli.Field{Key: s.property.Name, Value: c.valueJSON(s.value, s.source)})
		}
		list = append(list, cli.Field{Key: d.Name, Value: append(c.datasetJSON(d), cli.Field{Key: "properties", Value: values})})
	}
	return c.PrintJSON("zfs get", cli.Field{Key: "datasets", Value: list})
}

// datasetJSON is what documents tell of every dataset.
func (c *call) datasetJSON(d *state.Dataset) cli.Object {
	o := cli.Object{{Key: "name", Value: d.Name}, {Key: "type", Value: strings.ToUpper(d.Type)}, {Key: "pool", Value: poolOf(d.Name)}, {Key: "createtxg", Value: c.numberJSON(strconv.FormatUint(d.TXG, 10))}}
	if of, short := cutName(d.Name); short != "" {
		o = append(o, cli.Field{Key: "dataset", Value: of}, cli.Field{Key: d.Type + "_name", Value: short})
	}
	return o
}

// numberJSON is a value as --json-int wants it: a number where it is one.
func (c *call) numberJSON(value string) any {
	if n, err := strconv.ParseUint(value, 10, 64); err == nil && c.Has("json-int") {
		return n
	}
	return value
}

// valueJSON is a property's value with its source.
func (c *call) valueJSON(value, source string) cli.Object {
	data := "-"
	if from := inheritedFrom(source); sourceWord(source) == "inherited" {
		data = from
	}
	return cli.Object{{Key: "value", Value: c.numberJSON(value)}, {Key: "source", Value: cli.Object{
		{Key: "type", Value: strings.ToUpper(sourceWord(source))}, {Key: "data", Value: data},
	}}}
}
