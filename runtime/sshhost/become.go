package sshhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

var userName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$`)

// startAt starts script in /bin/sh at a place: as the user that the
// configuration and the place ask for, and in its jail.
func (h *Host) startAt(ctx context.Context, l link, at place, script string, said *strayBuffer) (*process, error) {
	inner, err := placed(at, script)
	if err != nil {
		return nil, err
	}
	if h.cfg.Become.Method == "" {
		return l.start(ctx, loginCommand(inner), nil)
	}
	return h.escalate(ctx, l, inner, said)
}

// startTTY starts script on a pseudo terminal.
func (h *Host) startTTY(ctx context.Context, l link, at place, script string, tty *ttySize) (*process, error) {
	inner, err := placed(at, script)
	if err != nil {
		return nil, err
	}
	if h.cfg.Become.Method == "" {
		return l.start(ctx, loginCommand(inner), tty)
	}
	return h.escalateTTY(ctx, l, inner, tty)
}

func loginCommand(script string) string {
	if !strings.ContainsAny(script, "'!\\\n") {
		return "exec /bin/sh -c '" + script + "'" // every login shell takes that as it is
	}
	return throughLoginShell(script)
}

// placed is a script that runs script in the place's jail and as its user. Only
// root gets there; su would ask anybody else for a password, and take it from
// what is meant for the shell.
func placed(at place, script string) (string, error) {
	if at.in == "" && at.as == "" {
		return script, nil
	}
	if at.as != "" && !userName.MatchString(at.as) {
		return "", effect.Errorf(effect.Invalid, "", "%q is no user name", at.as)
	}
	root := `[ "$(id -u)" = 0 ] || { echo "only root may work as another user or in a jail" >&2; exit 77; }` + "\n"
	if at.in != "" {
		jail, err := Quote(at.in)
		if err != nil {
			return "", err
		}
		user := ""
		if at.as != "" {
			user = "-U " + at.as + " "
		}
		return root + "exec jexec " + user + jail + " /bin/sh -c " + quoteRaw(script), nil
	}
	// -m keeps root's shell, which may be csh and gets a command that it
	// understands; the user's own may be nologin.
	return `[ "$(id -un)" = ` + at.as + ` ] && { ` + script + "\nexit; }\n" + root +
		"SHELL=/bin/sh exec su -m " + at.as + " -c " + quoteRaw(loginCommand(script)), nil
}

// homeOf settles in another user's home what su -m has left as root had it.
func homeOf(user string) string {
	if user == "" {
		return ""
	}
	return "\nHOME=~" + user + "; USER=" + user + "; LOGNAME=" + user + "; export HOME USER LOGNAME; cd \"$HOME\" 2>/dev/null || cd /"
}

// escalated is a shell command that proves, by a line of its own on both
// streams, that it runs.
func escalated(nonce, script string) string {
	return "/bin/sh -c " + quoteRaw("echo "+nonce+"; echo "+nonce+" >&2; "+script)
}

// errRejected: the password is asked for a second time.
var errRejected = errors.New("the password is wrong")

// escalate starts script as the user to become. Where that takes no password,
// or sudo takes it on standard input, the streams are plain from the beginning.
func (h *Host) escalate(ctx context.Context, l link, script string, said *strayBuffer) (*process, error) {
	method, err := h.method(ctx, l)
	if err != nil {
		return nil, err
	}
	if h.knownPassword() == "" {
		p, text, err := h.withoutPassword(ctx, l, method, script)
		if err == nil || ctx.Err() != nil || errors.Is(err, errRefused) || errors.Is(err, errLost) {
			return p, err
		}
		if !wantsPassword(method, text) {
			said.keep([]byte(text))
			return nil, h.refused(method, text)
		}
	}
	return h.withPassword(ctx, func(password string) (*process, error) {
		if method == "sudo" {
			return h.sudoByInput(ctx, l, script, password)
		}
		return h.byTerminal(ctx, l, method, script, password)
	})
}

// sessionFreed is how long a server of one session a connection may take to see that
// the last one has ended.
const sessionFreed = 10 * time.Second

// startNext starts a command after another one on the same connection has ended.
func startNext(ctx context.Context, l link, command string) (*process, error) {
	for began := time.Now(); ; {
		p, err := l.start(ctx, command, nil)
		if !errors.Is(err, errRefused) || time.Since(began) > sessionFreed {
			return p, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// withoutPassword tries to escalate where none is needed; it returns what was
// said against it.
func (h *Host) withoutPassword(ctx context.Context, l link, method, script string) (*process, string, error) {
	user, nonce := h.becomeUser(), newNonce()
	command := escalated(nonce, script)
	try := map[string]string{
		"sudo": "exec sudo -n -H -u " + user + " " + command,
		"doas": "exec doas -n -u " + user + " " + command,
		"mdo":  "exec mdo -u " + user + " " + command,
		"su":   `[ "$(id -u)" = 0 ] && exec su ` + user + " -c " + quoteRaw(throughLoginShell("exec "+command)) + "\nexit 77",
	}[method]
	p, err := startNext(ctx, l, throughLoginShell(`[ "$(id -un)" = `+user+` ] && exec `+command+"\n"+try))
	if err != nil {
		return nil, "", err
	}
	text, err := awaitUp(ctx, p, nonce, nil)
	if err != nil {
		p.close()
		return nil, text, err
	}
	return p, "", nil
}

func (h *Host) becomeUser() string {
	if h.cfg.Become.User != "" {
		return h.cfg.Become.User
	}
	return "root"
}

// wantsPassword tells whether a refusal is about the password alone.
func wantsPassword(method, text string) bool {
	switch method {
	case "sudo":
		return strings.Contains(text, "password") || strings.Contains(text, "terminal") || strings.Contains(text, "tty")
	case "mdo":
		return false
	case "doas":
		return strings.Contains(text, "Authentication required") || strings.Contains(text, "authorization required") || strings.Contains(text, "Authorization required")
	default:
		return true
	}
}

func (h *Host) refused(method, text string) error {
	text = strings.TrimSpace(text)
	if strings.HasSuffix(text, ": not found") || strings.HasSuffix(text, ": Command not found.") { // sh, csh
		return &effect.Error{
			Kind: effect.Denied, Message: "the host has no " + method, Err: text,
			Hint: "install it, or become root in another way: --become alone takes what the host has",
		}
	}
	rules := map[string]string{
		"sudo": "sudo -l lists what the host allows this user", "doas": "see whether the host's doas.conf has a rule for this user",
		"su": "see whether this user is in the group wheel", "mdo": "see the host's rules: sysctl security.mac.do.rules",
	}
	return &effect.Error{Kind: effect.Denied, Message: fmt.Sprintf("%s does not let us become %s", method, h.becomeUser()), Err: text, Hint: rules[method]}
}

// method is the means of escalation, found out where it is left to us.
func (h *Host) method(ctx context.Context, l link) (string, error) {
	if !userName.MatchString(h.becomeUser()) {
		return "", effect.Errorf(effect.Invalid, "", "%q is no user name", h.becomeUser())
	}
	method := h.cfg.Become.Method
	switch method {
	case "sudo", "doas", "mdo", "su":
		return method, nil
	case "auto":
	default:
		return "", effect.Errorf(effect.Invalid, "", "there is no way to escalate called %q: sudo, doas, su, mdo or auto", method)
	}
	script := `PATH=$PATH:/usr/local/bin:/usr/bin:/bin
[ "$(id -u)" = 0 ] && [ ` + h.becomeUser() + ` = root ] && { echo su; exit; }
for m in doas sudo mdo su; do
[ $m != doas ] || [ -f /usr/local/etc/doas.conf ] || [ -f /etc/doas.conf ] || continue
command -v $m >/dev/null && { echo $m; exit; }
done`
	p, err := l.start(ctx, throughLoginShell(script), nil)
	if err != nil {
		return "", err
	}
	defer p.close()
	said, err := io.ReadAll(io.LimitReader(p.stdout, 4096))
	if err != nil {
		return "", err
	}
	words := strings.Fields(string(said))
	if len(words) == 0 {
		return "", effect.Errorf(effect.Denied, "", "the host has none of doas, sudo, mdo and su")
	}
	h.cfg.Become.Method = words[len(words)-1]
	return h.method(ctx, l)
}

func (h *Host) knownPassword() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.password
}

// withPassword starts something with the password, asking for it if it is not
// known; one that was right is kept.
func (h *Host) withPassword(ctx context.Context, start func(password string) (*process, error)) (*process, error) {
	password := h.knownPassword()
	if password == "" {
		asked, err := h.askPassword(ctx)
		if err != nil {
			return nil, err
		}
		password = asked
	}
	p, err := start(password)
	if err == nil {
		h.mu.Lock()
		h.password = password
		h.mu.Unlock()
	}
	return p, err
}

func (h *Host) askPassword(ctx context.Context) (string, error) {
	if h.cfg.Become.Password != nil {
		secret, err := h.cfg.Become.Password(ctx)
		return secret.Reveal(), err
	}
	password, err := effect.Ask(ctx, effect.Question{
		Key: "become-password", Text: "Password to become " + h.becomeUser() + "?", Secret: true,
	})
	var unanswered *effect.Error
	if errors.As(err, &unanswered) && unanswered.Kind == effect.Stopped {
		told := *unanswered
		told.Hint = "go on at a terminal with bsdrun resume, or have the host ask this user for no password (nopass in doas.conf, NOPASSWD in sudoers)"
		return "", &told
	}
	return password, err
}

// rejected is the error for a wrong password.
func (h *Host) rejected(method, text string) error {
	return &effect.Error{
		Kind: effect.Denied, Message: method + " rejects the password", Err: strings.TrimSpace(text),
		Hint: "sudo and doas ask for the login user's own password, su for the other user's",
	}
}

// sudoByInput gives sudo the password on standard input, once it asks for it:
// sent before, it could become a command of the shell.
func (h *Host) sudoByInput(ctx context.Context, l link, script, password string) (*process, error) {
	nonce := newNonce()
	prompt := nonce + "?"
	command := "exec sudo -S -p " + prompt + " -H -u " + h.becomeUser() + " " + escalated(nonce, script)
	p, err := startNext(ctx, l, throughLoginShell(command))
	if err != nil {
		return nil, err
	}
	text, err := awaitUp(ctx, p, nonce, &answer{prompt: lazyregexp.New(regexp.QuoteMeta(prompt)), send: password + "\n"})
	if err == nil {
		return p, nil
	}
	p.close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, errRejected) {
		return nil, h.rejected("sudo", text)
	}
	return nil, h.refused("sudo", text)
}
