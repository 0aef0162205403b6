package libvirt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// The store of variables is as EDK II writes it: a firmware volume, in it the head of
// the store, and then one variable after the other, each with a head of its own.
const (
	volumeSignature = 40 // where "_FVH" stands
	volumeLength    = 48 // where the length of the volume's head stands
	storeHead       = 28
	variableHead    = 60
	variableStart   = 0x55aa
	variableAdded   = 0x3f
	variableLeaving = 0x3e // a newer one is on the way: it counts until that is there
)

var (
	storeGUID  = guid(0xaaf32c78, 0x947b, 0x439a, 0xa1802e144ec37792) // authenticated variables
	globalGUID = guid(0x8be4df61, 0x93ca, 0x11d2, 0xaa0d00e098032b8c)
	imageGUID  = guid(0xd719b2cb, 0x3d3a, 0x4596, 0xa3bcdad00e67656f) // of db and dbx
	enableGUID = guid(0xf0a30bc7, 0xaf08, 0x4556, 0x99c4001009c93a44)
)

func guid(a uint32, b, c uint16, rest uint64) (g [16]byte) {
	binary.LittleEndian.PutUint32(g[0:], a)
	binary.LittleEndian.PutUint16(g[4:], b)
	binary.LittleEndian.PutUint16(g[6:], c)
	binary.BigEndian.PutUint64(g[8:], rest)
	return g
}

// efiVars are variables by vendor and name.
type efiVars map[efiName][]byte

type efiName struct {
	vendor [16]byte
	name   string
}

// parseVars reads a store of variables.
func parseVars(b []byte) (efiVars, error) {
	le := binary.LittleEndian
	if bytes.HasPrefix(b, []byte("QFI\xfb")) {
		return nil, errors.New("the variables are in an image of qcow2")
	}
	if len(b) < volumeLength+storeHead || string(b[volumeSignature:volumeSignature+4]) != "_FVH" {
		return nil, errors.New("this is no store of EFI variables")
	}
	head := int(le.Uint16(b[volumeLength:]))
	if head < volumeLength || head+storeHead > len(b) || [16]byte(b[head:head+16]) != storeGUID {
		return nil, errors.New("this is no store of EFI variables that bsdrun knows")
	}
	end := min(int64(head)+int64(le.Uint32(b[head+16:])), int64(len(b)))
	if end < int64(head+storeHead) {
		return nil, errors.New("the store of EFI variables is damaged")
	}
	return parseList(b[head+storeHead : end])
}

// parseList reads variables up to the first place that has none.
func parseList(b []byte) (efiVars, error) {
	le := binary.LittleEndian
	all, leaving := efiVars{}, efiVars{}
	for len(b) >= variableHead && le.Uint16(b) == variableStart {
		nameSize, dataSize := int64(le.Uint32(b[36:])), int64(le.Uint32(b[40:]))
		size := variableHead + nameSize + dataSize
		if size > int64(len(b)) {
			return nil, errors.New("the store of EFI variables is damaged")
		}
		v := efiName{[16]byte(b[44:60]), fromUTF16(b[variableHead : variableHead+nameSize])}
		switch data := b[variableHead+nameSize : size]; b[2] {
		case variableAdded:
			all[v] = data
		case variableLeaving:
			leaving[v] = data
		}
		b = b[min((size+3)&^3, int64(len(b))):]
	}
	for v, data := range leaving {
		if _, newer := all[v]; !newer {
			all[v] = data
		}
	}
	return all, nil
}

// fromUTF16 is a text up to its zero.
func fromUTF16(b []byte) string {
	var text []uint16
	for ; len(b) >= 2; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		text = append(text, c)
	}
	return string(utf16.Decode(text))
}

// tell says what the variables mean to a person.
func (vars efiVars) tell(e *EFI) {
	known := 0
	take := func(vendor [16]byte, name string) []byte {
		data, there := vars[efiName{vendor, name}]
		if there {
			known++
		}
		return data
	}
	order := take(globalGUID, "BootOrder")
	for ; len(order) >= 2; order = order[2:] {
		option := take(globalGUID, fmt.Sprintf("Boot%04X", binary.LittleEndian.Uint16(order)))
		if entry, ok := bootEntry(option); ok {
			e.Boot = append(e.Boot, entry)
		}
	}
	for _, key := range []efiName{{globalGUID, "PK"}, {globalGUID, "KEK"}, {imageGUID, "db"}, {imageGUID, "dbx"}} {
		if len(take(key.vendor, key.name)) > 0 {
			e.Keys = append(e.Keys, key.name)
		}
	}
	on := take(enableGUID, "SecureBootEnable")
	e.SecureBoot = len(on) == 1 && on[0] == 1
	e.Other = len(vars) - known
}

// bootEntry reads a load option: attributes, the length of the way to the file, a
// name, and that way.
func bootEntry(b []byte) (EFIBoot, bool) {
	if len(b) < 8 {
		return EFIBoot{}, false
	}
	le := binary.LittleEndian
	entry := EFIBoot{Name: fromUTF16(b[6:]), Active: le.Uint32(b)&1 == 1}
	length := int(le.Uint16(b[4:]))
	way := b[6:]
	for len(way) >= 2 && le.Uint16(way) != 0 {
		way = way[2:]
	}
	if len(way) < 2 {
		return entry, true
	}
	way = way[2:]
	entry.File = fileOfPath(way[:min(length, len(way))])
	return entry, true
}

// Kinds of nodes of a device path.
const (
	mediaNode = 4
	fileNode  = 4
)

// fileOfPath is the file that a device path leads to.
func fileOfPath(b []byte) string {
	var file strings.Builder
	for len(b) >= 4 {
		size := int(binary.LittleEndian.Uint16(b[2:]))
		if size < 4 || size > len(b) {
			break
		}
		if b[0] == mediaNode && b[1] == fileNode {
			file.WriteString(fromUTF16(b[4:size]))
		}
		b = b[size:]
	}
	return file.String()
}
