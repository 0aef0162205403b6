package vbox

import (
	"errors"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// rules tell what the texts of VBoxManage mean and what to do about them.
var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`VBoxManage: (?:command )?[Nn]ot found|VBoxManage: No such file`), Kind: effect.Missing, Hint: "install virtualbox-ose, or one of its versions"},
	{Pattern: lazyregexp.New(`Could not find a registered machine (?:named|with UUID)`), Kind: effect.Missing, Hint: "h.vbox.vms lists the user's machines; those of another user are seen with as="},
	{Pattern: lazyregexp.New(`Could not find a controller named`), Kind: effect.Missing, Hint: "h.vbox.storage.controller makes one"},
	{Pattern: lazyregexp.New(`because a (?:hard disk|medium) '([^']*)' with UUID \S+ already exists`), Kind: effect.Failed, Hint: "it is a copy of $1 and has its UUID: new_uuid=true, or h.vbox.medium.set_uuid, gives it one of its own"},
	{Pattern: lazyregexp.New(`Machine settings file '([^']*)' already exists`), Kind: effect.Failed, Hint: "a machine of that name was there before: h.vbox.register(\"$1\") takes it in again"},
	{Pattern: lazyregexp.New(`VERR_VM_DRIVER_NOT_ACCESSIBLE|VERR_ACCESS_DENIED[^\n]*vboxdrv`), Kind: effect.Denied, Hint: "the user must be in the group vboxusers, and log in anew"},
	{Pattern: lazyregexp.New(`VERR_SUPDRV_COMPONENT_NOT_FOUND|VERR_INTNET_FLT_IF_NOT_FOUND`), Kind: effect.Failed, Hint: `bridges need the kernel's module vboxnetflt, and the interface: h.kld.ensure("vboxnetflt"), h.vbox.bridges`},
	{Pattern: lazyregexp.New(`VERR_VM_DRIVER_NOT_INSTALLED|VERR_VM_DRIVER_VERSION_MISMATCH|VERR_SUPDRV_|kernel driver not installed`), Kind: effect.Failed, Hint: driverHint},
	{Pattern: lazyregexp.New(`already locked for a session|while it is locked|is not mutable|VBOX_E_INVALID_VM_STATE|VBOX_E_INVALID_OBJECT_STATE`), Kind: effect.Failed, Hint: "the machine runs, or somebody has it open: h.vbox.stop first"},
	{Pattern: lazyregexp.New(`is not currently running`), Kind: effect.Failed, Hint: "h.vbox.start starts it"},
	{Pattern: lazyregexp.New(`still attached to \d+ virtual machines?|VBOX_E_OBJECT_IN_USE`), Kind: effect.Failed, Hint: "a machine has it: h.vbox.media tells which, h.vbox.storage.detach takes it out"},
	{Pattern: lazyregexp.New(`is locked for (?:reading|writing)|VERR_VD_IMAGE_READ_ONLY|VERR_SHARING_VIOLATION`), Kind: effect.Failed, Hint: "something else works on the medium: wait until that has ended"},
	{Pattern: lazyregexp.New(`VERR_ALREADY_EXISTS`), Kind: effect.Failed, Hint: "there is a file of that name: choose another one, or remove it"},
	{Pattern: lazyregexp.New(`VERR_FILE_NOT_FOUND|VERR_PATH_NOT_FOUND`), Kind: effect.Missing, Hint: "look for the file, and whether the user may see it"},
	{Pattern: lazyregexp.New(`VERR_DISK_FULL|No space left`), Kind: effect.Failed, Hint: "the file system is full: see with df -h"},
	{Pattern: lazyregexp.New(`VERR_ACCESS_DENIED|VERR_PERMISSION_DENIED|Permission denied|E_ACCESSDENIED`), Kind: effect.Denied, Hint: "see who owns the file: the machines' user must be able to read and write it"},
	{Pattern: lazyregexp.New(`VERR_VD_INVALID_SIZE`), Kind: effect.Failed, Hint: "an image has whole sectors of 512 bytes: it may have been cut short"},
	{Pattern: lazyregexp.New(`VBOX_E_NOT_SUPPORTED|Shrinking is not yet supported`), Kind: effect.Failed, Hint: "VirtualBox cannot do that with this medium"},
	{Pattern: lazyregexp.New(`Invalid MAC address format`), Kind: effect.Invalid, Hint: "twelve hexadecimal digits without colons, the second one even"},
	{Pattern: lazyregexp.New(`Unknown or invalid guest OS type|Guest OS type '[^']*' is invalid`), Kind: effect.Invalid, Hint: "h.vbox.ostypes lists them"},
	{Pattern: lazyregexp.New(`(?:Unknown|Invalid) option: (\S+)|Invalid parameter '([^']*)'|Invalid command '([^']*)'`), Kind: effect.Failed, Hint: "this version of VirtualBox does not know $1"},
	{Pattern: lazyregexp.New(`terminated unexpectedly during startup`), Kind: effect.Failed, Hint: "VBox.log in the machine's log folder tells why"},
	{Pattern: lazyregexp.New(`Failed to create the VirtualBox object|COM server is not running`), Kind: effect.Failed, Hint: "VBoxSVC does not start: see ~/.config/VirtualBox/VBoxSVC.log of the user, and who owns that folder"},
}

const driverHint = `the kernel lacks VirtualBox's module, or has that of another version: h.kld.ensure("vboxdrv", { boot = "loader" })`

// explain says a failure of the tool in its own first words, with the name of
// the code, and adds what to do.
func explain(err error) error {
	err, _ = effect.Explain(err, rules)
	var e *effect.Error
	if !errors.As(err, &e) || e.Message != "" || e.Code == 0 || e.Kind == effect.Timeout {
		return err
	}
	if message := firstError(e.Err); message != "" {
		told := *e
		told.Message = message
		return &told
	}
	return err
}

var codeForm = lazyregexp.New(`VBoxManage: error: Details: code (\w+)`)

// firstError is the first complaint of the tool, with the cause where the first
// only names what failed, and the name of the code.
func firstError(stderr string) string {
	var said []string
	code := ""
	for line := range strings.Lines(stderr) {
		if found := codeForm.FindStringSubmatch(line); found != nil {
			code = found[1]
			break
		}
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "VBoxManage: error: ")
		if ok && text != "" {
			said = append(said, text)
		}
	}
	if len(said) == 0 {
		return ""
	}
	message := said[0]
	if last := said[len(said)-1]; strings.HasPrefix(message, "Failed to ") && last != message {
		message += ": " + last
	}
	if code != "" {
		message += " (" + code + ")"
	}
	return message
}

// said tells whether a failure has a text.
func said(err error, text string) bool {
	e := effect.AsError(err)
	return e != nil && e.Code != 0 && (strings.Contains(e.Err, text) || strings.Contains(e.Out, text))
}

// refused is a change that the machine's state forbids.
func refused(op string, m Info, format string, args ...any) error {
	e := effect.Errorf(effect.Failed, op, format, args...)
	e.Message += ": " + m.Name + " is " + m.State
	e.Hint = "h.vbox.stop first"
	return e
}
