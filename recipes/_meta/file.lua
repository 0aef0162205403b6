---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Files of the host: read, write, edit, find and move them. Changes are atomic, keep owner and mode, and show their difference.
---@class h.file
local file = {}

file.block = {}

file.lines = {}

file.tree = {}

---Makes a block of lines, between two marker comments, part of a file. The markers are "# BEGIN bsdrun NAME" and "# END bsdrun NAME"; whatever stands between them is replaced. Empty content removes the block.
---@param path string absolute path
---@param content string the block's lines; empty removes the block with its markers
---@param options? file.block.ensure.options
---@return file.Changed
---@overload fun(arguments: file.block.ensure.arguments): file.Changed
function file.block.ensure(path, content, options) end

---Copies a file on the host with its mode, owner and times. A copy with the same content is left alone. A directory is copied with recursive=true, to where nothing is yet.
---@param from string absolute path
---@param to string absolute path of the copy itself, not of the directory around it
---@param options? file.copy.options
---@return file.Changed
---@overload fun(arguments: file.copy.arguments): file.Changed
function file.copy(from, to, options) end

---Fetches a file of the host into a local file that may be written, and returns its size and SHA-256. A large one comes in parts, without its holes, each hashed at both ends; what has arrived stays beside the local file when the run is cut, and is not fetched again. One that grows meanwhile, as a log does, is fetched as long as it was.
---@param path string absolute path on the host
---@param to LocalFile the local file, as local_file gives it
---@param options? file.download.options
---@return file.Downloaded
---@overload fun(arguments: file.download.arguments): file.Downloaded
function file.download(path, to, options) end

---Tells whether there is a file of any type, following symbolic links.
---@param path string absolute path
---@return boolean
---@overload fun(arguments: file.exists.arguments): boolean
function file.exists(path) end

---Lists the files of a tree that answer to every condition, by absolute path, sorted. It follows no symbolic links.
---@param path string absolute path of the tree to look through
---@param options? file.find.options
---@return string[]
---@overload fun(arguments: file.find.arguments): string[]
function file.find(path, options) end

---Returns a file's description and content together.
---@param path string absolute path
---@return file.Whole
---@overload fun(arguments: file.get.arguments): file.Whole
function file.get(path) end

---Returns the SHA-256 of a file's content, in hex.
---@param path string absolute path
---@return string
---@overload fun(arguments: file.hash.arguments): string
function file.hash(path) end

---Makes every given line a line of the file. A line that is there already, anywhere, stays where it is. With match, the last line that matches is replaced by the first missing line. Other missing lines go behind after, before before, or to the end, in their order.
---@param path string absolute path
---@param lines string|string[] the lines, without line ends
---@param options? file.lines.ensure.options
---@return file.Changed
---@overload fun(arguments: file.lines.ensure.arguments): file.Changed
function file.lines.ensure(path, lines, options) end

---Removes every line that equals one of lines or matches match. A missing file has no lines.
---@param path string absolute path; a missing file has no lines
---@param lines? string|string[] lines to remove, compared as a whole
---@param options? file.lines.remove.options
---@return file.Changed
---@overload fun(arguments: file.lines.remove.arguments): file.Changed
function file.lines.remove(path, lines, options) end

---Makes a symbolic or hard link. A link to elsewhere, or a file, is replaced with force=true alone.
---@param path string absolute path of the link
---@param target string what it points to; relative targets are kept as they are
---@param options? file.link.options
---@return file.Changed
---@overload fun(arguments: file.link.arguments): file.Changed
function file.link(path, target, options) end

---Describes what a directory holds, sorted by name.
---@param path string absolute path
---@return file.Info[]
---@overload fun(arguments: file.list.arguments): file.Info[]
function file.list(path) end

---Makes a directory, and gives one that is there the mode and owner wished.
---@param path string absolute path
---@param options? file.mkdir.options
---@return file.Changed
---@overload fun(arguments: file.mkdir.arguments): file.Changed
function file.mkdir(path, options) end

---Renames a file or directory, also to another file system. Where from is gone and to is there, it has been moved already and nothing is changed.
---@param from string absolute path
---@param to string absolute path of the file itself, not of the directory around it
---@return file.Changed
---@overload fun(arguments: file.move.arguments): file.Changed
function file.move(from, to) end

---Gives a file its content, mode, owner and flags. It writes beside the file and renames, so that nobody reads half of it, and sends nothing when the file is so already. The content of files that only their owner may read is not shown as a difference.
---@param path string absolute path; a symbolic link is followed
---@param content string|Secret|LocalFile the whole content: a string, a secret or a local file
---@param options? file.put.options
---@return file.Changed
---@overload fun(arguments: file.put.arguments): file.Changed
function file.put(path, content, options) end

---Returns a file's content, byte for byte, or a part of it.
---@param path string absolute path
---@param options? file.read.options
---@return string
---@overload fun(arguments: file.read.arguments): string
function file.read(path, options) end

---Removes a file, a link or a directory. It refuses the directories that a system cannot be without, and trees in which a file system is mounted.
---@param path string absolute path; a symbolic link goes, not what it points to
---@param options? file.remove.options
---@return file.Changed
---@overload fun(arguments: file.remove.arguments): file.Changed
function file.remove(path, options) end

---Replaces every match of a regular expression in a file, or in the region between two others. The pattern decides whether a second call finds anything left to do.
---@param path string absolute path
---@param pattern string regular expression (RE2); ^ and $ match at lines
---@param with string the replacement; $1 and ${name} stand for groups, $$ for a dollar
---@param options? file.replace.options
---@return file.Changed
---@overload fun(arguments: file.replace.arguments): file.Changed
function file.replace(path, pattern, with, options) end

---Describes a file; exists is false where there is none.
---@param path string absolute path
---@param options? file.stat.options
---@return file.Info
---@overload fun(arguments: file.stat.arguments): file.Info
function file.stat(path, options) end

---Makes a directory what a local folder is: files, directories and symbolic links; hard links become files of their own. Only what differs, by its hash, is sent, in one stream that is packed where that pays. What a lost connection cuts off, or changes while it is sent, goes again. Without modes it matters only whether a file may be executed; all may read. What else lies there stays, unless delete=true.
---@param from LocalFile the local folder, as local_file gives it
---@param path string absolute path of the directory on the host; it is made where it is missing
---@param options? file.sync.options
---@return file.Synced
---@overload fun(arguments: file.sync.arguments): file.Synced
function file.sync(from, path, options) end

---Makes a fresh directory that only its owner can enter. Remove it when done.
---@param prefix? string beginning of its name
---@param options? file.tmpdir.options
---@return file.Tmp
---@overload fun(arguments: file.tmpdir.arguments): file.Tmp
function file.tmpdir(prefix, options) end

---Sends a file of this host to another one. What is there already, by its hash, is not sent again. A large file goes in parts, without zeroes and holes, each hashed at both ends; it is put in place when all is there, and what has arrived stays beside it when the run is cut, for the next attempt. This host sends by itself where it can, with a key that is for this transfer alone, else the controller passes it on and keeps nothing of it. A file that changes while it is sent is an error, and the other host keeps what it has.
---@param path string absolute path of a file on this host
---@param host Host the host that receives it
---@param to? string absolute path there; default: the same
---@param options? file.transfer.options
---@return file.Transferred
---@overload fun(arguments: file.transfer.arguments): file.Transferred
function file.transfer(path, host, to, options) end

---Makes a local folder what a directory of the host is: files, directories and symbolic links, in one stream of what differs. Sockets, pipes and devices are left out, and so are owners and set-uid bits. What else lies in the folder stays.
---@param path string absolute path of a directory on the host
---@param to LocalFile the local folder, as local_file gives it with write=true; it is made where it is missing
---@param options? file.tree.download.options
---@return file.TreeDownloaded
---@overload fun(arguments: file.tree.download.arguments): file.TreeDownloaded
function file.tree.download(path, to, options) end

---Makes a directory of another host what it is on this one, with modes and, where we are root there, owners, in one stream of what differs. It goes through the controller, which keeps nothing of it. What else lies there stays, unless delete=true.
---@param path string absolute path of a directory on this host
---@param host Host the host that receives it
---@param to? string absolute path there; default: the same
---@param options? file.tree.transfer.options
---@return file.Synced
---@overload fun(arguments: file.tree.transfer.arguments): file.Synced
function file.tree.transfer(path, host, to, options) end

---Sends a local file. What the host has already is not sent again. A large file goes in parts, without zeroes and holes, each hashed at both ends; it is put in place when all is there, and what has arrived stays beside it when the run is cut, for the next attempt.
---@param from string|Secret|LocalFile the local file, as local_file gives it
---@param path string absolute path on the host
---@param options? file.upload.options
---@return file.Uploaded
---@overload fun(arguments: file.upload.arguments): file.Uploaded
function file.upload(from, path, options) end

---@class file.block.ensure.options
---@field name? string tells several blocks of one file apart ("block" by default)
---@field comment? string what begins a comment in this file ("#" by default)
---@field after? string regular expression: a new block goes behind the last line that matches
---@field before? string regular expression: a new block goes before the first line that matches
---@field create? boolean make the file where it is missing; else that is an error
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file before it replaces the old one; %s stands for its path

---@class file.block.ensure.arguments
---@field path string absolute path
---@field content string the block's lines; empty removes the block with its markers
---@field name? string tells several blocks of one file apart ("block" by default)
---@field comment? string what begins a comment in this file ("#" by default)
---@field after? string regular expression: a new block goes behind the last line that matches
---@field before? string regular expression: a new block goes before the first line that matches
---@field create? boolean make the file where it is missing; else that is an error
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file before it replaces the old one; %s stands for its path

---@class file.Changed
---@field changed boolean the file is, or in check mode would be, different now
---@field path string the file, with symbolic links resolved where they were followed

---@class file.copy.options
---@field recursive? boolean copy a directory with all it holds, to where nothing is yet

---@class file.copy.arguments
---@field from string absolute path
---@field to string absolute path of the copy itself, not of the directory around it
---@field recursive? boolean copy a directory with all it holds, to where nothing is yet

---@class file.download.options
---@field limit? string most bytes a second, such as "10M"; default: as fast as it goes
---@field parallel? integer parts under way at once; default: 1, and 2 from a host that is far away or packs
---@field compress? "auto"|"no" auto: where the host has zstd(1) ("auto" by default)
---@field whole? boolean hash a file whole that is mostly holes: it takes longer than its data alone

---@class file.download.arguments
---@field path string absolute path on the host
---@field to LocalFile the local file, as local_file gives it
---@field limit? string most bytes a second, such as "10M"; default: as fast as it goes
---@field parallel? integer parts under way at once; default: 1, and 2 from a host that is far away or packs
---@field compress? "auto"|"no" auto: where the host has zstd(1) ("auto" by default)
---@field whole? boolean hash a file whole that is mostly holes: it takes longer than its data alone

---@class file.Downloaded
---@field size integer bytes
---@field sha256? string the content's hash at both ends, in hex; of a file that is mostly holes only with whole=true

---@class file.exists.arguments
---@field path string absolute path

---@class file.find.options
---@field name? string shell pattern for the last element of the path: "*.log"
---@field iname? string the same, regardless of case
---@field match? string shell pattern for the whole path
---@field type? "file"|"directory"|"link"|"socket"|"fifo"|"block"|"character" type of the file
---@field owner? string user, by name or number
---@field group? string group, by name or number
---@field perm? string octal bits that must all be set: "0002" finds what everybody may write
---@field min_size? integer at least so large
---@field max_size? integer at most so large
---@field older? number modified longer ago than this, in whole minutes
---@field younger? number modified at most so long ago, in whole minutes
---@field empty? boolean empty files and directories
---@field min_depth? integer levels below the path at least; 0 is the path itself
---@field max_depth? integer levels below the path at most
---@field exclude? string[] shell patterns for names that are left out with all below them
---@field xdev? boolean stay on the file system of the path
---@field limit? integer more files than this is an error; 0: 100000

---@class file.find.arguments
---@field path string absolute path of the tree to look through
---@field name? string shell pattern for the last element of the path: "*.log"
---@field iname? string the same, regardless of case
---@field match? string shell pattern for the whole path
---@field type? "file"|"directory"|"link"|"socket"|"fifo"|"block"|"character" type of the file
---@field owner? string user, by name or number
---@field group? string group, by name or number
---@field perm? string octal bits that must all be set: "0002" finds what everybody may write
---@field min_size? integer at least so large
---@field max_size? integer at most so large
---@field older? number modified longer ago than this, in whole minutes
---@field younger? number modified at most so long ago, in whole minutes
---@field empty? boolean empty files and directories
---@field min_depth? integer levels below the path at least; 0 is the path itself
---@field max_depth? integer levels below the path at most
---@field exclude? string[] shell patterns for names that are left out with all below them
---@field xdev? boolean stay on the file system of the path
---@field limit? integer more files than this is an error; 0: 100000

---@class file.get.arguments
---@field path string absolute path

---@class file.Whole
---@field exists boolean there is such a file; when false, nothing else is set
---@field path string absolute path
---@field name string last element of the path
---@field type string file, directory, link, socket, fifo, block or character
---@field size integer bytes
---@field mode string octal permission bits with setuid, setgid and sticky, such as "0644"
---@field owner string name of the user, or the number where it has none
---@field group string name of the group, or the number where it has none
---@field uid integer number of the user
---@field gid integer number of the group
---@field mtime string last modification
---@field target? string what a symbolic link points to
---@field flags? string file flags, as chflags(1) names them
---@field inode? string inode number, as text
---@field links integer number of hard links
---@field content string the content, byte for byte

---@class file.hash.arguments
---@field path string absolute path

---@class file.lines.ensure.options
---@field match? string regular expression (RE2): the last line that matches is replaced by the first missing line
---@field after? string regular expression: new lines go behind the last line that matches
---@field before? string regular expression: new lines go before the first line that matches
---@field create? boolean make the file where it is missing; else that is an error
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file before it replaces the old one; %s stands for its path

---@class file.lines.ensure.arguments
---@field path string absolute path
---@field lines string|string[] the lines, without line ends
---@field match? string regular expression (RE2): the last line that matches is replaced by the first missing line
---@field after? string regular expression: new lines go behind the last line that matches
---@field before? string regular expression: new lines go before the first line that matches
---@field create? boolean make the file where it is missing; else that is an error
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file before it replaces the old one; %s stands for its path

---@class file.lines.remove.options
---@field match? string regular expression (RE2): lines that match are removed too
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path

---@class file.lines.remove.arguments
---@field path string absolute path; a missing file has no lines
---@field lines? string|string[] lines to remove, compared as a whole
---@field match? string regular expression (RE2): lines that match are removed too
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path

---@class file.link.options
---@field hard? boolean make a hard link instead of a symbolic one
---@field force? boolean replace a file, or a link to elsewhere, that is there

---@class file.link.arguments
---@field path string absolute path of the link
---@field target string what it points to; relative targets are kept as they are
---@field hard? boolean make a hard link instead of a symbolic one
---@field force? boolean replace a file, or a link to elsewhere, that is there

---@class file.list.arguments
---@field path string absolute path

---@class file.Info
---@field exists boolean there is such a file; when false, nothing else is set
---@field path string absolute path
---@field name string last element of the path
---@field type string file, directory, link, socket, fifo, block or character
---@field size integer bytes
---@field mode string octal permission bits with setuid, setgid and sticky, such as "0644"
---@field owner string name of the user, or the number where it has none
---@field group string name of the group, or the number where it has none
---@field uid integer number of the user
---@field gid integer number of the group
---@field mtime string last modification
---@field target? string what a symbolic link points to
---@field flags? string file flags, as chflags(1) names them
---@field inode? string inode number, as text
---@field links integer number of hard links

---@class file.mkdir.options
---@field parents? boolean make missing directories above it too, with mode 0755 (true by default)
---@field mode? string octal mode such as "0755"; default: as it is, or 0755 for a new one
---@field owner? string user, by name or number; default: as it is
---@field group? string group, by name or number; default: as it is

---@class file.mkdir.arguments
---@field path string absolute path
---@field parents? boolean make missing directories above it too, with mode 0755 (true by default)
---@field mode? string octal mode such as "0755"; default: as it is, or 0755 for a new one
---@field owner? string user, by name or number; default: as it is
---@field group? string group, by name or number; default: as it is

---@class file.move.arguments
---@field from string absolute path
---@field to string absolute path of the file itself, not of the directory around it

---@class file.put.options
---@field mode? string octal mode such as "0644"; default: as it is, or 0644 for a new file
---@field owner? string user, by name or number; default: as it is
---@field group? string group, by name or number; default: as it is
---@field flags? string all the file flags, as chflags(1) names them, such as "schg,nodump"; "0": none; default: as they are
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file before it replaces the old one; %s stands for its path
---@field secret? boolean never show the content, neither in the journal nor as a difference

---@class file.put.arguments
---@field path string absolute path; a symbolic link is followed
---@field content string|Secret|LocalFile the whole content: a string, a secret or a local file
---@field mode? string octal mode such as "0644"; default: as it is, or 0644 for a new file
---@field owner? string user, by name or number; default: as it is
---@field group? string group, by name or number; default: as it is
---@field flags? string all the file flags, as chflags(1) names them, such as "schg,nodump"; "0": none; default: as they are
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file before it replaces the old one; %s stands for its path
---@field secret? boolean never show the content, neither in the journal nor as a difference

---@class file.read.options
---@field offset? integer first byte wanted, counted from 0
---@field length? integer number of bytes wanted; 0: to the end
---@field limit? integer more bytes than this is an error; 0: 16 MiB

---@class file.read.arguments
---@field path string absolute path
---@field offset? integer first byte wanted, counted from 0
---@field length? integer number of bytes wanted; 0: to the end
---@field limit? integer more bytes than this is an error; 0: 16 MiB

---@class file.remove.options
---@field recursive? boolean remove a directory with all it holds

---@class file.remove.arguments
---@field path string absolute path; a symbolic link goes, not what it points to
---@field recursive? boolean remove a directory with all it holds

---@class file.replace.options
---@field literal? boolean pattern and replacement are plain text
---@field after? string regular expression: only behind its first match
---@field before? string regular expression: only before its first match from there on
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path

---@class file.replace.arguments
---@field path string absolute path
---@field pattern string regular expression (RE2); ^ and $ match at lines
---@field with string the replacement; $1 and ${name} stand for groups, $$ for a dollar
---@field literal? boolean pattern and replacement are plain text
---@field after? string regular expression: only behind its first match
---@field before? string regular expression: only before its first match from there on
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path

---@class file.stat.options
---@field follow? boolean describe what a symbolic link points to, not the link

---@class file.stat.arguments
---@field path string absolute path
---@field follow? boolean describe what a symbolic link points to, not the link

---@class file.sync.options
---@field delete? boolean remove what the local folder does not have
---@field exclude? string[] shell patterns for names that are left alone on both sides, with all below them
---@field owner? string user by name; default: as it is, or who we are
---@field group? string group by name; default: as it is, or that of who we are
---@field modes? boolean give all the modes that they have locally, with set-uid bits; default: 0755 for directories and what may be executed, 0644 for the rest

---@class file.sync.arguments
---@field from LocalFile the local folder, as local_file gives it
---@field path string absolute path of the directory on the host; it is made where it is missing
---@field delete? boolean remove what the local folder does not have
---@field exclude? string[] shell patterns for names that are left alone on both sides, with all below them
---@field owner? string user by name; default: as it is, or who we are
---@field group? string group by name; default: as it is, or that of who we are
---@field modes? boolean give all the modes that they have locally, with set-uid bits; default: 0755 for directories and what may be executed, 0644 for the rest

---@class file.Synced
---@field changed boolean the tree is, or in check mode would be, different now
---@field sent string[] what was, or in check mode would be, sent; paths below the directory
---@field removed string[] what was, or in check mode would be, removed

---@class file.tmpdir.options
---@field parent? string directory to make it in ("/tmp" by default)

---@class file.tmpdir.arguments
---@field prefix? string beginning of its name ("bsdrun" by default)
---@field parent? string directory to make it in ("/tmp" by default)

---@class file.Tmp
---@field path string the directory; mode 0700; remove it when done

---@class file.transfer.options
---@field mode? string octal mode such as "0644"; default: as it is here
---@field owner? string user there, by name or number; default: as it is, or who we are
---@field group? string group there, by name or number; default: as it is, or that of the directory
---@field backup? string keep the former file there: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file there; %s stands for its path
---@field direct? "auto"|"yes"|"no" whether this host sends to the other one by itself; auto: a large file, where it can; no: through the controller, which keeps nothing of it ("auto" by default)
---@field address? string name or address by which this host reaches the other one; default: the one that the controller uses
---@field limit? string most bytes a second, such as "10M"; default: as fast as it goes
---@field parallel? integer parts under way at once; default: more the farther the hosts are
---@field connections? integer SSH connections that the parts are spread over; default: one
---@field compress? "auto"|"no" auto: where the hosts have zstd(1) ("auto" by default)
---@field whole? boolean hash a file whole that is mostly holes: it takes longer than its data alone

---@class file.transfer.arguments
---@field path string absolute path of a file on this host
---@field host Host the host that receives it
---@field to? string absolute path there; default: the same
---@field mode? string octal mode such as "0644"; default: as it is here
---@field owner? string user there, by name or number; default: as it is, or who we are
---@field group? string group there, by name or number; default: as it is, or that of the directory
---@field backup? string keep the former file there: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file there; %s stands for its path
---@field direct? "auto"|"yes"|"no" whether this host sends to the other one by itself; auto: a large file, where it can; no: through the controller, which keeps nothing of it ("auto" by default)
---@field address? string name or address by which this host reaches the other one; default: the one that the controller uses
---@field limit? string most bytes a second, such as "10M"; default: as fast as it goes
---@field parallel? integer parts under way at once; default: more the farther the hosts are
---@field connections? integer SSH connections that the parts are spread over; default: one
---@field compress? "auto"|"no" auto: where the hosts have zstd(1) ("auto" by default)
---@field whole? boolean hash a file whole that is mostly holes: it takes longer than its data alone

---@class file.Transferred
---@field changed boolean the file there is, or in check mode would be, different now
---@field path string the file there, with symbolic links resolved where they were followed
---@field size integer bytes
---@field sha256? string the content's hash at both ends, in hex; of a file that is mostly holes only with whole=true, and where it was sent
---@field direct boolean this host sent it by itself

---@class file.tree.download.options
---@field exclude? string[] shell patterns for names that are left alone on both sides, with all below them

---@class file.tree.download.arguments
---@field path string absolute path of a directory on the host
---@field to LocalFile the local folder, as local_file gives it with write=true; it is made where it is missing
---@field exclude? string[] shell patterns for names that are left alone on both sides, with all below them

---@class file.TreeDownloaded
---@field changed boolean the local folder is different now
---@field received string[] what came; paths below the folder

---@class file.tree.transfer.options
---@field delete? boolean remove there what this host does not have
---@field exclude? string[] shell patterns for names that are left alone on both hosts, with all below them
---@field owner? string user by name; default: as it is here, if we are root there
---@field group? string group by name; default: as it is here, if we are root there

---@class file.tree.transfer.arguments
---@field path string absolute path of a directory on this host
---@field host Host the host that receives it
---@field to? string absolute path there; default: the same
---@field delete? boolean remove there what this host does not have
---@field exclude? string[] shell patterns for names that are left alone on both hosts, with all below them
---@field owner? string user by name; default: as it is here, if we are root there
---@field group? string group by name; default: as it is here, if we are root there

---@class file.upload.options
---@field mode? string octal mode such as "0644"; default: as it is, or 0644 for a new file
---@field owner? string user, by name or number; default: as it is
---@field group? string group, by name or number; default: as it is
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path
---@field limit? string most bytes a second, such as "10M"; default: as fast as it goes
---@field parallel? integer parts under way at once; default: more the farther the host is
---@field connections? integer SSH connections that the parts are spread over; default: one
---@field compress? "auto"|"no" auto: what a sample shows to be worth it, where the host has zstd(1) ("auto" by default)
---@field whole? boolean hash a file whole that is mostly holes: it takes longer than its data alone

---@class file.upload.arguments
---@field from string|Secret|LocalFile the local file, as local_file gives it
---@field path string absolute path on the host
---@field mode? string octal mode such as "0644"; default: as it is, or 0644 for a new file
---@field owner? string user, by name or number; default: as it is
---@field group? string group, by name or number; default: as it is
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path
---@field limit? string most bytes a second, such as "10M"; default: as fast as it goes
---@field parallel? integer parts under way at once; default: more the farther the host is
---@field connections? integer SSH connections that the parts are spread over; default: one
---@field compress? "auto"|"no" auto: what a sample shows to be worth it, where the host has zstd(1) ("auto" by default)
---@field whole? boolean hash a file whole that is mostly holes: it takes longer than its data alone

---@class file.Uploaded
---@field changed boolean the file is, or in check mode would be, different now
---@field path string the file, with symbolic links resolved where they were followed
---@field sha256? string the content's hash at both ends, in hex; of a file that is mostly holes only with whole=true, and where it was sent
