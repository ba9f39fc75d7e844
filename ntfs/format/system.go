package format

import (
	"bytes"
	"io"
)

// systemFiles are the named system files in the root, by record number.
var systemFiles = map[recordNumber]string{
	recordMFT: "$MFT", recordMirror: "$MFTMirr", recordLogFile: "$LogFile", recordVolume: "$Volume",
	recordAttrDef: "$AttrDef", recordRoot: ".", recordBitmap: "$Bitmap", recordBoot: "$Boot",
	recordBadClus: "$BadClus", recordSecure: "$Secure", recordUpCase: "$UpCase", recordExtendDir: "$Extend",
}

// Children of $Extend.
const (
	recordQuota = recordFirstExtend + iota
	recordObjID
	recordReparse
)

// addSystemFiles makes the nodes of records 0 to 15 and of $Extend's children.
func (v *volume) addSystemFiles() {
	v.root = v.systemNode(recordRoot, nil)
	v.root.parent = v.root
	v.root.makeDirectory()
	v.root.securityID = userSecurityID
	for n := range recordFirstUnused {
		if n != recordRoot {
			v.systemNode(n, v.root)
		}
	}
	v.addExtend()
	v.addVolumeFile()
	v.addSecure()
	v.addBadClus()
	for n := recordFirstReserved; n < recordFirstUnused; n++ {
		v.system[n].streams = []*stream{{}}
	}
}

func (v *volume) systemNode(number recordNumber, parent *node) *node {
	n := &node{
		name: systemFiles[number], parent: parent, number: number, flags: recordInUse,
		attributes: AttrHidden | AttrSystem, securityID: systemSecurityID, times: v.times,
	}
	v.system[number] = n
	if parent != nil && n.name != "" {
		parent.children = append(parent.children, n)
	}
	return n
}

func (v *volume) addExtend() {
	dir := v.system[recordExtendDir]
	dir.makeDirectory()
	child := func(number recordNumber, name string, indexes ...attribute) {
		n := v.systemNode(number, nil)
		n.name, n.parent = name, dir
		n.attributes |= AttrArchive
		n.nameFlags |= attrViewIndex
		n.flags |= recordExtend | recordViewIndex
		n.extra = indexes
		dir.children = append(dir.children, n)
	}
	child(recordQuota, "$Quota", v.quotaIndexes()...)
	child(recordObjID, "$ObjId", v.g.viewIndex("$O", collationULongs))
	child(recordReparse, "$Reparse") // its index comes with the entries
}

// Owners in $Quota: the defaults for new owners, and the first owner.
const (
	quotaDefaults   uint32 = 1
	quotaFirstOwner uint32 = 0x100
)

// quotaIndexes are $O, owner ids by SID, and $Q, quotas by owner id.
func (v *volume) quotaIndexes() []attribute {
	owner := le.AppendUint32(nil, quotaFirstOwner)
	return []attribute{
		v.g.viewIndex("$O", collationSID, indexEntry{key: sidAdministrators, data: owner}),
		v.g.viewIndex("$Q", collationULong,
			indexEntry{key: le.AppendUint32(nil, quotaDefaults), data: v.quota(nil)},
			indexEntry{key: owner, data: v.quota(sidAdministrators)}),
	}
}

// quota is the data of $Q: no limits, nothing exceeded.
func (v *volume) quota(sid []byte) []byte {
	const (
		version      = 2
		defaultLimit = 1
		unlimited    = ^uint64(0)
	)
	b := le.AppendUint32(nil, version)
	b = le.AppendUint32(b, defaultLimit)
	b = le.AppendUint64(b, 0) // bytes used
	b = le.AppendUint64(b, v.times.created)
	b = le.AppendUint64(b, unlimited) // warning threshold
	b = le.AppendUint64(b, unlimited) // hard limit
	b = le.AppendUint64(b, 0)         // exceeded since
	return append(b, sid...)
}

// Fields of $VOLUME_INFORMATION.
const (
	volumeMajorVersion = 0x08
	volumeMinorVersion = 0x09
	volumeFlags        = 0x0a
	volumeInfoSize     = 0x0c
)

func (v *volume) addVolumeFile() {
	info := make([]byte, volumeInfoSize)
	info[volumeMajorVersion], info[volumeMinorVersion] = 3, 1
	le.PutUint16(info[volumeFlags:], uint16(v.options.VolumeFlags))
	n := v.system[recordVolume]
	n.extra = []attribute{
		{typ: typeVolumeName, value: utf16Bytes(v.options.Label)},
		{typ: typeVolumeInformation, value: info},
	}
	n.streams = []*stream{{}}
}

func (v *volume) addSecure() {
	n := v.system[recordSecure]
	n.flags |= recordViewIndex
	n.nameFlags |= attrViewIndex
	n.extra = v.g.securityIndexes(securityEntries())
}

// addBadClus makes $BadClus: a hole as large as the volume, for clusters to be
// moved into when they go bad.
func (v *volume) addBadClus() {
	bad := v.g.newNonResident(typeData, "$Bad", runList{{hole, v.g.clusters}}, v.g.clusters*v.g.clusterSize)
	bad.initialized = 0
	n := v.system[recordBadClus]
	n.extra = []attribute{bad}
	n.streams = []*stream{{}}
}

// placeSystemFiles lays the system files out from the start of the volume.
func (v *volume) placeSystemFiles() error {
	log, logSize, err := v.log()
	if err != nil {
		return err
	}
	upCase := upCaseBytes()
	v.bitmap = &stream{size: v.alloc.used.size()}
	v.mirror = &stream{size: v.g.mirrorRecords() * int64(v.g.recordSize)}
	v.boot = &stream{size: bootFileSize}
	for _, f := range []struct {
		record recordNumber
		stream *stream
	}{
		{recordBoot, v.boot},
		{recordMirror, v.mirror},
		{recordLogFile, &stream{size: logSize, source: log, written: []Range{{0, logSize}}}},
		{recordBitmap, v.bitmap},
		{recordAttrDef, newSystemStream("", attrDef())},
		{recordUpCase, newSystemStream("", upCase)},
		{recordSecure, newSystemStream("$SDS", securityStream(securityEntries()))},
	} {
		if err := v.placeSystemStream(f.record, f.stream); err != nil {
			return err
		}
	}
	v.system[recordUpCase].extra = []attribute{{typ: typeData, name: "$Info", value: upCaseInfo(upCase)}}
	return nil
}

func newSystemStream(name string, contents []byte) *stream {
	size := int64(len(contents))
	return &stream{name: name, size: size, source: bytes.NewReader(contents), written: []Range{{0, size}}}
}

func (v *volume) placeSystemStream(number recordNumber, s *stream) error {
	r, err := v.alloc.contiguous(v.alloc.cursor, v.g.clustersFor(s.size))
	if err != nil {
		return err
	}
	s.initialized, s.runs = s.size, runList{r}
	v.system[number].streams = append(v.system[number].streams, s)
	return nil
}

func (v *volume) log() (contents io.ReaderAt, size int64, err error) {
	size = v.options.LogSize
	if size == 0 {
		size = defaultLogSize(v.g.sectors * v.g.sectorSize)
	}
	size = v.g.allocation(max(minLogSize, size))
	contents, err = logContents(v.options.Log, size)
	return contents, size, err
}
