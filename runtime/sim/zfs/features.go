package zfs

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Feature is a feature of the pool format (zpool-features(7)).
type Feature struct {
	Name   string
	GUID   string // com.delphix:async_destroy
	AtOnce bool   // an upgrade that enables it makes it active
	Text   string
}

// FeatureFlags is the pool version that stands for feature flags.
const FeatureFlags = 5000

// Features lists all of them, in the order in which zpool shows them.
var Features = []Feature{
	{"async_destroy", "com.delphix:async_destroy", false, "Destroy filesystems asynchronously."},
	{"empty_bpobj", "com.delphix:empty_bpobj", false, "Snapshots use less space."},
	{"lz4_compress", "org.illumos:lz4_compress", true, "LZ4 compression algorithm support."},
	{"multi_vdev_crash_dump", "com.joyent:multi_vdev_crash_dump", false, "Crash dumps to multiple vdev pools."},
	{"spacemap_histogram", "com.delphix:spacemap_histogram", true, "Spacemaps maintain space histograms."},
	{"enabled_txg", "com.delphix:enabled_txg", true, "Record txg at which a feature is enabled"},
	{"hole_birth", "com.delphix:hole_birth", true, "Retain hole birth txg for more precise zfs send"},
	{"extensible_dataset", "com.delphix:extensible_dataset", false, "Enhanced dataset functionality, used by other features."},
	{"embedded_data", "com.delphix:embedded_data", true, "Blocks which compress very well use even less space."},
	{"bookmarks", "com.delphix:bookmarks", false, "\"zfs bookmark\" command"},
	{"filesystem_limits", "com.joyent:filesystem_limits", false, "Filesystem and snapshot limits."},
	{"large_blocks", "org.open-zfs:large_blocks", false, "Support for blocks larger than 128KB."},
	{"large_dnode", "org.zfsonlinux:large_dnode", false, "Variable on-disk size of dnodes."},
	{"sha512", "org.illumos:sha512", false, "SHA-512/256 hash algorithm."},
	{"skein", "org.illumos:skein", false, "Skein hash algorithm."},
	{"edonr", "org.illumos:edonr", false, "Edon-R hash algorithm."},
	{"userobj_accounting", "org.zfsonlinux:userobj_accounting", false, "User/Group object accounting."},
	{"encryption", "com.datto:encryption", false, "Support for dataset level encryption"},
	{"project_quota", "org.zfsonlinux:project_quota", false, "space/object accounting based on project ID."},
	{"device_removal", "com.delphix:device_removal", false, "Top-level vdevs can be removed, reducing logical pool size."},
	{"obsolete_counts", "com.delphix:obsolete_counts", false, "Reduce memory used by removed devices when their blocks are freed or remapped."},
	{"zpool_checkpoint", "com.delphix:zpool_checkpoint", false, "Pool state can be checkpointed, allowing rewind later."},
	{"spacemap_v2", "com.delphix:spacemap_v2", true, "Space maps representing large segments are more efficient."},
	{"allocation_classes", "org.zfsonlinux:allocation_classes", false, "Support for separate allocation classes."},
	{"resilver_defer", "com.datto:resilver_defer", false, "Support for deferring new resilvers when one is already running."},
	{"bookmark_v2", "com.datto:bookmark_v2", false, "Support for larger bookmarks"},
	{"redaction_bookmarks", "com.delphix:redaction_bookmarks", false, "Support for bookmarks which store redaction lists for zfs redacted send/recv."},
	{"redacted_datasets", "com.delphix:redacted_datasets", false, "Support for redacted datasets, produced by receiving a redacted zfs send stream."},
	{"bookmark_written", "com.delphix:bookmark_written", false, "Additional accounting, enabling the written#<bookmark> property (space written since a bookmark), and estimates of send stream sizes for incrementals from bookmarks."},
	{"log_spacemap", "com.delphix:log_spacemap", true, "Log metaslab changes on a single spacemap and flush them periodically."},
	{"livelist", "com.delphix:livelist", false, "Improved clone deletion performance."},
	{"device_rebuild", "org.openzfs:device_rebuild", false, "Support for sequential mirror/dRAID device rebuilds"},
	{"zstd_compress", "org.freebsd:zstd_compress", false, "zstd compression algorithm support."},
	{"draid", "org.openzfs:draid", false, "Support for distributed spare RAID"},
	{"zilsaxattr", "org.openzfs:zilsaxattr", false, "Support for xattr=sa extended attribute logging in ZIL."},
	{"head_errlog", "com.delphix:head_errlog", true, "Support for per-dataset on-disk error logs."},
	{"blake3", "org.openzfs:blake3", false, "BLAKE3 hash algorithm."},
	{"block_cloning", "com.fudosecurity:block_cloning", false, "Support for block cloning via Block Reference Table."},
	{"vdev_zaps_v2", "com.klarasystems:vdev_zaps_v2", false, "Support for root vdev ZAP."},
	{"redaction_list_spill", "com.delphix:redaction_list_spill", false, "Support for increased number of redaction_snapshot arguments in zfs redact."},
	{"raidz_expansion", "org.openzfs:raidz_expansion", false, "Support for raidz expansion"},
	{"fast_dedup", "com.klarasystems:fast_dedup", false, "Support for advanced deduplication"},
	{"longname", "org.zfsonlinux:longname", false, "support filename up to 1024 bytes"},
	{"large_microzap", "com.klarasystems:large_microzap", false, "Support for microzaps larger than 128KB."},
	{"dynamic_gang_header", "com.klarasystems:dynamic_gang_header", false, "Support for dynamically sized gang headers"},
	{"block_cloning_endian", "com.truenas:block_cloning_endian", false, "Fixes BRT ZAP endianness on new pools."},
	{"physical_rewrite", "com.truenas:physical_rewrite", false, "Support for preserving logical birth time during rewrite."},
}

// FindFeature is a feature by its short name.
func FindFeature(name string) (Feature, bool) {
	i := slices.IndexFunc(Features, func(f Feature) bool { return f.Name == name })
	if i < 0 {
		return Feature{}, false
	}
	return Features[i], true
}

// SupportedVersion is the newest pool version the running kernel reads.
func SupportedVersion(m *sim.Machine) int {
	version, _ := kernelReads(m)
	return version
}

// SupportedFeatures lists the features the running kernel knows, in the order of
// Features.
func SupportedFeatures(m *sim.Machine) []Feature {
	_, names := kernelReads(m)
	var list []Feature
	for _, f := range Features {
		if slices.Contains(names, f.Name) {
			list = append(list, f)
		}
	}
	return list
}

// SupportsFeatures tells whether the running kernel knows feature flags at all.
func SupportsFeatures(m *sim.Machine) bool { return SupportedVersion(m) == FeatureFlags }

// Importable tells why the running kernel cannot import a pool, nil when it can.
// A pool may be readable without being writable: what is missing then are
// features that only matter for writing.
func Importable(m *sim.Machine, pool *state.Pool) error {
	version, names := kernelReads(m)
	if pool.Version > version {
		return &UnsupportedError{Version: pool.Version}
	}
	var missing []Feature
	readOnly := true
	for _, f := range Features {
		if pool.Features[f.Name] == "active" && !slices.Contains(names, f.Name) {
			missing = append(missing, f)
			readOnly = readOnly && sim.FeatureReadOnly(f.Name)
		}
	}
	if len(missing) > 0 {
		return &UnsupportedError{Features: missing, ReadOnly: readOnly}
	}
	return nil
}

// UnsupportedError is a pool format the running kernel does not know.
type UnsupportedError struct {
	Version  int       // the pool's, when that alone is too new
	Features []Feature // the pool's active ones that are unknown
	ReadOnly bool      // the pool can be imported read-only
}

func (e *UnsupportedError) Error() string { return "unsupported version or feature" }

// enabled tells whether a pool may use a feature.
func enabled(pool *state.Pool, name string) bool { return pool.Features[name] != "" }

// Activate notes that a pool uses a feature now, as tools do that write with it.
func Activate(pool *state.Pool, name string) {
	if enabled(pool, name) {
		pool.Features[name] = "active"
	}
}

// enable lets a pool use features; created tells a pool that is just being made.
func enable(pool *state.Pool, list []Feature, created bool) {
	if pool.Features == nil {
		pool.Features = map[string]string{}
	}
	for _, f := range list {
		switch {
		case pool.Features[f.Name] != "":
		case f.AtOnce || created && sim.FeatureActive(f.Name):
			pool.Features[f.Name] = "active"
		default:
			pool.Features[f.Name] = "enabled"
		}
	}
}

// Compatibility is what a pool's property of that name lets it enable, out of
// what the kernel knows: all, none, or what files list.
func Compatibility(m *sim.Machine, value string) ([]Feature, error) {
	all := SupportedFeatures(m)
	switch value {
	case "", "off":
		return slices.DeleteFunc(all, func(f Feature) bool { return !sim.FeatureByDefault(f.Name) }), nil
	case "legacy":
		return nil, nil
	}
	for _, name := range strings.Split(value, ",") {
		listed, err := readCompatibility(m, name)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(f Feature) bool { return !slices.Contains(listed, f.Name) })
	}
	return all, nil
}

// compatibilityDirs are where files with lists of features lie.
var compatibilityDirs = []string{"/etc/zfs/compatibility.d", "/usr/share/zfs/compatibility.d"}

// readCompatibility reads a file with a list of features.
func readCompatibility(m *sim.Machine, name string) ([]string, error) {
	view := m.View(vfs.Root, "/")
	if strings.Contains(name, "/") {
		return nil, fmt.Errorf("compatibility file %s invalid", name)
	}
	for _, dir := range compatibilityDirs {
		data, err := view.ReadFile(dir + "/" + name)
		if err != nil {
			continue
		}
		var listed []string
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			listed = append(listed, strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })...)
		}
		for _, f := range listed {
			if _, ok := FindFeature(f); !ok {
				return nil, fmt.Errorf("error reading compatibility file: unknown feature %s in %s", f, name)
			}
		}
		return listed, nil
	}
	return nil, fmt.Errorf("cannot open compatibility file %s", name)
}
