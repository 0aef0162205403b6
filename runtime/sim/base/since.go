package base

// since is the first release whose base system has a command, for those that came
// after 8.2; see the history sections of the manual and the release notes.
var since = map[string]string{
	"base64":          "14.0",
	"bhyve":           "10.0",
	"bhyvectl":        "10.0",
	"bhyveload":       "10.0",
	"bsdconfig":       "9.2",
	"bsdinstall":      "9.0",
	"certctl":         "12.2",
	"ctladm":          "9.1",
	"devctl":          "10.2",
	"devmatch":        "12.0",
	"dpv":             "10.2",
	"drill":           "10.0",
	"efidp":           "12.0",
	"efivar":          "12.0",
	"etcupdate":       "9.2",
	"freebsd-version": "10.0",
	"iovctl":          "11.0",
	"md5sum":          "14.0",
	"mkimg":           "10.1",
	"nproc":           "13.2",
	"nvmecontrol":     "9.2",
	"proccontrol":     "12.0",
	"pwait":           "9.1",
	"resizewin":       "11.0",
	"resolvconf":      "9.0",
	"seq":             "9.0",
	"sha1sum":         "14.0",
	"sha256sum":       "14.0",
	"sha512sum":       "14.0",
	"timeout":         "10.3",
	"trim":            "12.0",
	"uefisign":        "10.2",
	"zonectl":         "11.0",
}

// until is the first release whose base system lacks a command again.
var until = map[string]string{
	"gbde":      "15.0",
	"chkey":     "15.0",
	"ctm":       "14.0",
	"ccdconfig": "15.0",
}
