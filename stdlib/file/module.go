package file

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const missingRaise = `kind "missing": there is no such file`

// Module is h.file.
var Module = binding.Module{
	Name: "file",
	Doc:  "Files of the host: read, write, edit, find and move them. Changes are atomic, keep owner and mode, and show their difference.",
	Funcs: []binding.Func{
		{
			Name: "block.ensure", Kind: effect.Change, Call: EnsureBlockIn,
			Doc: "Makes a block of lines, between two marker comments, part of a file. " +
				"The markers are \"# BEGIN bsdrun NAME\" and \"# END bsdrun NAME\"; whatever stands between them is replaced. Empty content removes the block.",
			Raises:  []string{missingRaise + " and create is not set", `kind "failed": no line matches the anchor, or a marker stands alone`},
			Example: `h.file.block.ensure("/etc/hosts", "192.0.2.10 build.example.org\n", { name = "build hosts" })`,
		},
		{
			Name: "copy", Kind: effect.Change, Call: Copy, See: []string{"cp(1)"},
			Doc:     "Copies a file on the host with its mode, owner and times. A copy with the same content is left alone. A directory is copied with recursive=true, to where nothing is yet.",
			Raises:  []string{missingRaise},
			Example: `h.file.copy("/boot/loader.efi", "/boot/loader.efi.old")`,
		},
		{
			Name: "download", Kind: effect.Read, Call: Download,
			Doc: "Fetches a file of the host into a local file that may be written, and returns its size and SHA-256. " +
				"A large one comes in parts, without its holes, each hashed at both ends; what has arrived stays beside the local file when the run is cut, and is not fetched again. " +
				"One that grows meanwhile, as a log does, is fetched as long as it was.",
			Raises:  []string{missingRaise, `kind "failed": the file was written to meanwhile, or there is no room for it here`},
			Example: `h.file.download("/var/log/messages", local_file("messages.txt", { write = true }))`,
		},
		{
			Name: "exists", Kind: effect.Read, Call: Exists,
			Doc:     "Tells whether there is a file of any type, following symbolic links.",
			Example: `if h.file.exists("/usr/ports/Makefile") then log("there is a ports tree") end`,
		},
		{
			Name: "find", Kind: effect.Read, Call: Find, See: []string{"find(1)"},
			Doc:     "Lists the files of a tree that answer to every condition, by absolute path, sorted. It follows no symbolic links.",
			Raises:  []string{missingRaise + "; also a directory that may not be read fails the call"},
			Example: `for _, path in ipairs(h.file.find("/usr/local/etc", { name = "*.pkgsave", type = "file" })) do log(path) end`,
		},
		{
			Name: "get", Kind: effect.Read, Call: Get,
			Doc:     "Returns a file's description and content together.",
			Raises:  []string{missingRaise},
			Example: `local f = h.file.get("/etc/motd.template")` + "\n" + `log("%s has %d bytes", f.path, f.size)`,
		},
		{
			Name: "hash", Kind: effect.Read, Call: Hash, See: []string{"sha256(1)"},
			Doc:     "Returns the SHA-256 of a file's content, in hex.",
			Raises:  []string{missingRaise},
			Example: `log(h.file.hash("/boot/kernel/kernel"))`,
		},
		{
			Name: "lines.ensure", Kind: effect.Change, Call: EnsureLinesIn,
			Doc: "Makes every given line a line of the file. A line that is there already, anywhere, stays where it is. " +
				"With match, the last line that matches is replaced by the first missing line. Other missing lines go behind after, before before, or to the end, in their order.",
			Raises:  []string{missingRaise + " and create is not set", `kind "failed": no line matches the anchor`},
			Example: `h.file.lines.ensure("/etc/ssh/sshd_config", { "PermitRootLogin no" }, { match = "^#?PermitRootLogin", validate = { "sshd", "-t", "-f", "%s" } })`,
		},
		{
			Name: "lines.remove", Kind: effect.Change, Call: RemoveLinesIn,
			Doc:     "Removes every line that equals one of lines or matches match. A missing file has no lines.",
			Example: `h.file.lines.remove("/etc/ttys", { match = "^ttyu3" })`,
		},
		{
			Name: "link", Kind: effect.Change, Call: Link, See: []string{"ln(1)"},
			Doc:     "Makes a symbolic or hard link. A link to elsewhere, or a file, is replaced with force=true alone.",
			Raises:  []string{`kind "failed": something else is there`},
			Example: `h.file.link("/usr/local/etc/poudriere.d/ports/custom", "/usr/local/poudriere/ports/custom")`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List,
			Doc:     "Describes what a directory holds, sorted by name.",
			Raises:  []string{missingRaise},
			Example: `for _, f in ipairs(h.file.list("/etc/rc.d")) do log("%s %s", f.mode, f.name) end`,
		},
		{
			Name: "mkdir", Kind: effect.Change, Call: Mkdir, See: []string{"mkdir(1)"},
			Doc:     "Makes a directory, and gives one that is there the mode and owner wished.",
			Raises:  []string{`kind "failed": there is a file of another type`},
			Example: `h.file.mkdir("/usr/local/poudriere/ports", { mode = "0755" })`,
		},
		{
			Name: "move", Kind: effect.Change, Call: Move, See: []string{"mv(1)"},
			Doc:     "Renames a file or directory, also to another file system. Where from is gone and to is there, it has been moved already and nothing is changed.",
			Raises:  []string{missingRaise},
			Example: `h.file.move("/etc/pf.conf.new", "/etc/pf.conf")`,
		},
		{
			Name: "put", Kind: effect.Change, Call: Put,
			Doc: "Gives a file its content, mode, owner and flags. It writes beside the file and renames, so that nobody reads half of it, and sends nothing when the file is so already. " +
				"The content of files that only their owner may read is not shown as a difference.",
			Raises:  []string{`kind "failed": validate refused the content, or there is a file of another type`, `kind "missing": the directory is not there`},
			Example: `h.file.put("/usr/local/etc/portshaker.conf", "ports_trees=\"main\"\n", { mode = "0644", backup = ".orig" })`,
		},
		{
			Name: "read", Kind: effect.Read, Call: Read,
			Doc:     "Returns a file's content, byte for byte, or a part of it.",
			Raises:  []string{missingRaise},
			Example: `local release = h.file.read("/etc/hostid", { length = 64 })`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"rm(1)"},
			Doc:     "Removes a file, a link or a directory. It refuses the directories that a system cannot be without, and trees in which a file system is mounted.",
			Raises:  []string{`kind "invalid": the path belongs to the system`, `kind "failed": the directory is not empty, or a file system is mounted in it`},
			Example: `h.file.remove("/var/tmp/build", { recursive = true })`,
		},
		{
			Name: "replace", Kind: effect.Change, Call: ReplaceIn,
			Doc:     "Replaces every match of a regular expression in a file, or in the region between two others. The pattern decides whether a second call finds anything left to do.",
			Raises:  []string{missingRaise, `kind "failed": nothing matches after or before`},
			Example: `h.file.replace("/etc/login.conf", "(:charset)=[^:]*:", "${1}=UTF-8:")`,
		},
		{
			Name: "stat", Kind: effect.Read, Call: Stat, See: []string{"stat(2)"},
			Doc:     "Describes a file; exists is false where there is none.",
			Example: `local f = h.file.stat("/etc/spwd.db")` + "\n" + `if f.exists and f.mode ~= "0600" then fail("%s has mode %s", f.path, f.mode) end`,
		},
		{
			Name: "sync", Kind: effect.Change, Call: Sync, See: []string{"tar(1)"},
			Doc: "Makes a directory what a local folder is: files, directories and symbolic links; hard links become files of their own. Only what differs, by its hash, is sent, in one stream that is packed where that pays. " +
				"What a lost connection cuts off, or changes while it is sent, goes again. Without modes it matters only whether a file may be executed; all may read. What else lies there stays, unless delete=true.",
			Raises: []string{
				`kind "failed": something is not as it was sent, such as an owner whom the host does not know, or a file that never stops changing`,
				`kind "denied": not all of the directory can be read, so that nothing can be told of it`,
			},
			Example: `h.file.sync(local_file("site"), "/usr/local/www/site", { delete = true, exclude = { ".git" } })`,
		},
		{
			Name: "tmpdir", Kind: effect.Change, Call: Tmpdir, See: []string{"mktemp(1)"},
			Doc:     "Makes a fresh directory that only its owner can enter. Remove it when done.",
			Example: `local dir = h.file.tmpdir("build").path`,
		},
		{
			Name: "transfer", Kind: effect.Change, Call: Transfer, See: []string{"dd(1)", "sshd(8)"},
			Doc: "Sends a file of this host to another one. What is there already, by its hash, is not sent again. " +
				"A large file goes in parts, without zeroes and holes, each hashed at both ends; it is put in place when all is there, and what has arrived stays beside it when the run is cut, for the next attempt. " +
				"This host sends by itself where it can, with a key that is for this transfer alone, else the controller passes it on and keeps nothing of it. " +
				"A file that changes while it is sent is an error, and the other host keeps what it has.",
			Raises: []string{missingRaise, `kind "failed": the file was written to meanwhile, there is no room for it there, or with direct="yes" the other host is out of reach`},
			Example: `h.file.transfer("/usr/local/etc/app.conf", connect("spare"))` + "\n" +
				`h.file.transfer{ path = "/var/lib/libvirt/images/web.raw", host = connect("vm2"), to = "/vm/web.raw", limit = "50M" }`,
		},
		{
			Name: "tree.download", Kind: effect.Read, Call: DownloadTree, See: []string{"tar(1)"},
			Doc: "Makes a local folder what a directory of the host is: files, directories and symbolic links, in one stream of what differs. Sockets, pipes and devices are left out, and so are owners and set-uid bits. What else lies in the folder stays.",
			Raises: []string{missingRaise, `kind "denied": not all of the directory can be read`,
				`kind "failed": a name has a line end, a file never stops changing, or something of another kind is in the way`},
			Example: `h.file.tree.download("/usr/local/etc", local_file("saved/etc", { write = true }))`,
		},
		{
			Name: "tree.transfer", Kind: effect.Change, Call: TransferTree, See: []string{"tar(1)"},
			Doc:     "Makes a directory of another host what it is on this one, with modes and, where we are root there, owners, in one stream of what differs. It goes through the controller, which keeps nothing of it. What else lies there stays, unless delete=true.",
			Raises:  []string{missingRaise, `kind "denied": not all of one of the directories can be read`, `kind "failed": something is not as it was sent`},
			Example: `h.file.tree.transfer("/usr/local/etc", connect("spare"), { exclude = { "*.sample" } })`,
		},
		{
			Name: "upload", Kind: effect.Change, Call: Upload,
			Doc: "Sends a local file. What the host has already is not sent again. " +
				"A large file goes in parts, without zeroes and holes, each hashed at both ends; it is put in place when all is there, and what has arrived stays beside it when the run is cut, for the next attempt.",
			Raises:  []string{`kind "failed": the file was written to meanwhile, or there is no room for it`},
			Example: `h.file.upload(local_file("pf.conf"), "/etc/pf.conf", { validate = { "pfctl", "-nf", "%s" } })`,
		},
	},
}
