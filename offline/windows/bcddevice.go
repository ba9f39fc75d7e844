package windows

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Device is where something of a boot entry lies.
type Device struct {
	Kind      DeviceKind
	Partition VolumeID    // DevicePartition
	Disk      string      // its disk: GUID or signature
	Path      string      // file of a DeviceFile or DeviceRAMDisk
	Parent    *Device     // what holds this file
	Options   string      // ID of an object with options, empty for none
	Element   ElementType // DeviceLocate: the element whose path is looked for
	Number    uint32      // of a kind that is not known here
}

// DeviceKind says how a device is described.
type DeviceKind string

// The kinds of device.
const (
	DeviceUnknown   DeviceKind = "unknown"
	DeviceBoot      DeviceKind = "boot"      // the partition the boot manager came from
	DevicePartition DeviceKind = "partition" // a partition of a disk
	DeviceLocate    DeviceKind = "locate"    // the first partition that has a path
	DeviceRAMDisk   DeviceKind = "ramdisk"   // a disk in memory, filled from a file
	DeviceFile      DeviceKind = "file"
	DeviceVHD       DeviceKind = "virtual disk"
	DeviceFloppy    DeviceKind = "floppy disk"
	DeviceCDROM     DeviceKind = "CD-ROM"
	DeviceDisk      DeviceKind = "disk"
	DeviceVMBus     DeviceKind = "VMBus"
)

// A device element is the ID of an object with options, then a descriptor:
//
//	 0  type        4  flags       8  size of the descriptor, itself included
//	16  what the type needs
//
// A descriptor may hold a file's path, which begins with the descriptor of what holds the file. The
// layout is that of ReactOS' boot library header (bl.h, BL_DEVICE_DESCRIPTOR) and was checked on
// real stores. All is little-endian and packed.
const (
	deviceOptionsSize = 16
	deviceHeaderSize  = 16
	deviceSizeOff     = 8

	deviceTypeLocal     = 0
	deviceTypeBoot      = 5
	deviceTypePartition = 6
	deviceTypeVMBus     = 7
	deviceTypeLocate    = 8

	localDisk    = 0
	localFloppy  = 1
	localCDROM   = 2
	localRAMDisk = 3
	localFile    = 5
	localVHD     = 6

	// Behind the header of a partition: the partition (GUID or byte offset), then its disk.
	partitionDiskOff  = 16 // local type
	partitionStyleOff = 20
	partitionSignOff  = 24 // disk's GUID or signature
	partitionSize     = partitionSignOff + 16

	styleGPT = 0
	styleMBR = 1

	ramDiskPathOff = 24 // behind type, base, size and offset of the image
	filePathOff    = 4

	pathVersion = 1
	pathHeader  = 12 // version, length, kind
	pathKindOff = 8
	pathDevice  = 5 // the kind that begins with a device

	maxDeviceDepth = 4
)

var errShortDevice = errors.New("a device that is cut short")

// parseDevice reads a device element.
func parseDevice(p []byte) (Device, error) {
	if len(p) < deviceOptionsSize {
		return Device{}, errShortDevice
	}
	d, err := parseDescriptor(p[deviceOptionsSize:], 0)
	if err != nil {
		return Device{}, err
	}
	if options := guidText(p); options != "00000000-0000-0000-0000-000000000000" {
		d.Options = "{" + options + "}"
	}
	return d, nil
}

func parseDescriptor(p []byte, depth int) (Device, error) {
	if len(p) < deviceHeaderSize || depth == maxDeviceDepth {
		return Device{}, errShortDevice
	}
	le := binary.LittleEndian
	size := le.Uint32(p[deviceSizeOff:])
	if size < deviceHeaderSize || uint64(size) > uint64(len(p)) {
		return Device{}, fmt.Errorf("%w: %d of %d bytes", errShortDevice, len(p), size)
	}
	kind, body := le.Uint32(p), p[deviceHeaderSize:size]
	switch {
	case kind == deviceTypeBoot:
		return Device{Kind: DeviceBoot}, nil
	case kind == deviceTypePartition && len(body) >= partitionSize:
		return parsePartition(body), nil
	case kind == deviceTypeLocal && len(body) >= 4:
		return parseLocal(body, depth)
	case kind == deviceTypeLocate && len(body) >= 8:
		return Device{Kind: DeviceLocate, Element: ElementType(le.Uint32(body[4:]))}, nil
	case kind == deviceTypeVMBus && len(body) >= 16:
		return Device{Kind: DeviceVMBus, Disk: guidText(body)}, nil
	}
	return Device{Kind: DeviceUnknown, Number: kind}, nil
}

func parsePartition(body []byte) Device {
	le := binary.LittleEndian
	d := Device{Kind: DevicePartition}
	switch style := le.Uint32(body[partitionStyleOff:]); {
	case le.Uint32(body[partitionDiskOff:]) != localDisk: // inside a virtual disk, for one
		return Device{Kind: DeviceUnknown, Number: deviceTypePartition}
	case style == styleGPT:
		d.Partition.PartitionGUID = guidText(body)
		d.Disk = guidText(body[partitionSignOff:])
	case style == styleMBR:
		d.Partition = VolumeID{MBRSignature: le.Uint32(body[partitionSignOff:]), Offset: int64(le.Uint64(body))}
		d.Disk = fmt.Sprintf("%08x", d.Partition.MBRSignature)
	default:
		return Device{Kind: DeviceUnknown, Number: deviceTypePartition}
	}
	return d
}

func parseLocal(body []byte, depth int) (Device, error) {
	kind := binary.LittleEndian.Uint32(body)
	switch {
	case kind == localRAMDisk && len(body) > ramDiskPathOff:
		return parsePath(DeviceRAMDisk, body[ramDiskPathOff:], depth)
	case kind == localFile && len(body) > filePathOff:
		return parsePath(DeviceFile, body[filePathOff:], depth)
	}
	simple := map[uint32]DeviceKind{localDisk: DeviceDisk, localFloppy: DeviceFloppy, localCDROM: DeviceCDROM, localVHD: DeviceVHD}
	if k := simple[kind]; k != "" {
		return Device{Kind: k}, nil
	}
	return Device{Kind: DeviceUnknown, Number: kind}, nil
}

// parsePath reads the path of a file and what holds the file.
func parsePath(kind DeviceKind, p []byte, depth int) (Device, error) {
	le := binary.LittleEndian
	if len(p) < pathHeader || le.Uint32(p) != pathVersion || le.Uint32(p[pathKindOff:]) != pathDevice {
		return Device{Kind: kind}, nil
	}
	length := le.Uint32(p[4:])
	if length < pathHeader || uint64(length) > uint64(len(p)) {
		return Device{}, fmt.Errorf("%w: a path of %d bytes", errShortDevice, length)
	}
	p = p[pathHeader:length]
	parent, err := parseDescriptor(p, depth+1)
	if err != nil {
		return Device{}, err
	}
	return Device{Kind: kind, Parent: &parent, Path: utf16Text(p[le.Uint32(p[deviceSizeOff:]):])}, nil
}

// String says where the device is, in the form bcdedit uses as far as that goes without drive
// letters.
func (d Device) String() string {
	text := string(d.Kind)
	switch d.Kind {
	case DevicePartition:
		if d.Partition.PartitionGUID != "" {
			text = fmt.Sprintf("partition={%s} of disk {%s}", d.Partition.PartitionGUID, d.Disk)
		} else {
			text = fmt.Sprintf("partition at %d of disk %s", d.Partition.Offset, d.Disk)
		}
	case DeviceLocate:
		text = fmt.Sprintf("locate=custom:%s", d.Element)
	case DeviceVMBus:
		text = fmt.Sprintf("vmbus={%s}", d.Disk)
	case DeviceRAMDisk, DeviceFile:
		if d.Parent != nil {
			text = fmt.Sprintf("%s=[%s]%s", d.Kind, d.Parent, d.Path)
		}
	case DeviceUnknown:
		text = fmt.Sprintf("a device of type %d", d.Number)
	default:
	}
	if d.Options != "" {
		text += "," + BCDObjectName(d.Options)
	}
	return text
}
