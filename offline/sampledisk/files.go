package sampledisk

import (
	"bytes"
	"fmt"
	"strings"

	"hangkit/hive"
	"hangkit/ntfs/format"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// Files that Windows keeps in the root of its volume, which NTFS takes for never written.
const (
	pageFileName = "pagefile.sys"
	swapFileSize = 16 * mib
	hiddenSystem = format.AttrHidden | format.AttrSystem
)

// files are the tree of the Windows volume.
func (m *maker) files(volume int64) ([]format.Entry, error) {
	m.settlePageFile(volume)
	config, err := m.config()
	if err != nil {
		return nil, err
	}
	root := append(m.folders(config), m.pageFile())
	if !m.before(windows.Build8) {
		root = append(root, unwritten("swapfile.sys", swapFileSize))
	}
	if h := m.hiberfil(volume); h != nil {
		root = append(root, *h)
	}
	if m.before(windows.BuildVista) {
		root = append(root, format.Entry{Name: "boot.ini", Attributes: hiddenSystem, Data: []byte(m.bootINI())})
	}
	return root, nil
}

// folders are those of an installation with nothing on it.
func (m *maker) folders(config []format.Entry) []format.Entry {
	root := m.windowsFolder(config)
	if m.before(windows.BuildVista) {
		root.Name = "WINDOWS"
		return []format.Entry{folder("Documents and Settings"), folder("Program Files"), folder(systemVolume), root}
	}
	return []format.Entry{folder("Program Files"), folder("ProgramData"), folder(systemVolume), folder("Users"), root}
}

const systemVolume = "System Volume Information"

func (m *maker) windowsFolder(config []format.Entry) format.Entry {
	system32 := folder("System32", folder("config", config...), m.drivers(), folder("winevt", folder("Logs")))
	if m.before(windows.BuildVista) {
		system32 = folder("system32", system32.Dir[:2]...)
	}
	root := folder("Windows", system32, folder("Minidump"))
	switch d := m.made.Dump; {
	case m.traits.dump != inFile:
	case d.small:
		root.Dir[1].Dir = []format.Entry{m.dumpFile(m.minidumpName())}
	default:
		root.Dir = append(root.Dir, m.dumpFile("MEMORY.DMP"))
	}
	return root
}

func folder(name string, entries ...format.Entry) format.Entry {
	if entries == nil {
		entries = []format.Entry{}
	}
	return format.Entry{Name: name, Dir: entries}
}

// drivers are the files of those that a dump or a key combination needs: their names only.
func (m *maker) drivers() format.Entry {
	names := []string{"i8042prt.sys", "kbdclass.sys", "kbdhid.sys"}
	if !m.before(windows.BuildVista) {
		names = append(names, "crashdmp.sys", "dumpfve.sys")
	}
	if !m.before(windows.Build81) {
		names = append(names, "hyperkbd.sys")
	}
	var files []format.Entry
	for _, name := range names {
		files = append(files, format.Entry{Name: name, Data: []byte("This is no driver: the disk is a sample.\r\n")})
	}
	return folder("drivers", files...)
}

// bootINI is the text by which NTLDR finds the installation.
func (m *maker) bootINI() string {
	const place = `multi(0)disk(0)rdisk(0)partition(1)\WINDOWS`
	return "[boot loader]\r\ntimeout=30\r\ndefault=" + place + "\r\n[operating systems]\r\n" +
		place + `="` + m.Windows.Product + `" /noexecute=optin /fastdetect` + "\r\n"
}

// unwritten is a file of which no byte was ever written through NTFS.
func unwritten(name string, size int64) format.Entry {
	var none int64
	return format.Entry{Name: name, Size: size, Attributes: hiddenSystem, InitializedSize: &none}
}

// pageFile may hold a dump, which the crash driver wrote beneath NTFS.
func (m *maker) pageFile() format.Entry {
	f := unwritten(pageFileName, m.made.PageFile)
	if m.traits.dump != inFile {
		f.Fragments = m.Fragments
	}
	if m.traits.dump == inPageFile {
		f.Content, f.Written = m.made.Dump.contents, []format.Range{{Off: 0, Len: m.made.Dump.Size}}
	}
	return f
}

// hiberfil is a client's, used up unless the state has it otherwise.
func (m *maker) hiberfil(volume int64) *format.Entry {
	state := m.traits.hiberfil
	if state == format.NoHiberfil {
		if m.Windows.Role != "WinNT" || m.before(windows.BuildVista) {
			return nil
		}
		state = format.HiberfilAwake
	}
	e := state.Entry()
	const ofRAM, ofVolume = 5, 16 // two fifths of the memory, and never the whole disk
	e.Size = roundUp(max(e.Size, min(2*m.RAM/ofRAM, volume/ofVolume)), mib)
	return &e
}

// settlePageFile decides its size, and tells the registry.
func (m *maker) settlePageFile(volume int64) {
	const ofVolume = 8 // Windows leaves it at that
	size := m.PageFile
	if size == 0 {
		size = roundUp(min(m.usualPageFile(), volume/ofVolume), mib)
		if m.traits.dump == inPageFile {
			size = max(size, roundUp(m.made.Dump.Size, mib))
		}
	}
	m.made.PageFile = size
	w := &m.Windows
	switch {
	case len(w.PageFiles) > 0:
	case m.before(windows.BuildVista):
		w.PageFiles = []string{fmt.Sprintf(`C:\%s %d %d`, pageFileName, size/mib, min(2*size/mib, maxPageFile32))}
	default:
		w.PageFiles = []string{`?:\` + pageFileName}
	}
}

// maxPageFile32 is the largest page file without PAE, in MB.
const maxPageFile32 = 4095

// usualPageFile is how large the page file is by the machine's memory.
func (m *maker) usualPageFile() int64 {
	switch {
	case m.before(windows.BuildVista):
		return min(m.RAM*3/2, maxPageFile32/2*mib)
	case m.before(windows.Build8):
		return m.RAM
	}
	return min(max(m.RAM/8, 1<<30), 32<<30)
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// Lengths of the hives' files: SYSTEM has room behind its last bin, as on every real machine.
const (
	systemSize = 1 * mib
	hiveLog    = 256 << 10
)

// config is the folder of the hives and their logs.
func (m *maker) config() ([]format.Entry, error) {
	system, software, err := m.registry()
	if err != nil {
		return nil, err
	}
	var entries []format.Entry
	for _, h := range []struct {
		name string
		hive *hive.Hive
		size int
	}{{"SYSTEM", system, systemSize}, {"SOFTWARE", software, 0}} {
		data, err := h.hive.Bytes()
		if err != nil {
			return nil, err
		}
		data = append(data, make([]byte, max(0, h.size-len(data)))...)
		log := make([]byte, hiveLog)
		if h.name == "SYSTEM" && m.traits.hive {
			if data, log, err = sample.Interrupted(data, hiveLog, m.generation(), m.unfinished); err != nil {
				return nil, err
			}
		}
		entries = append(entries, m.hiveFiles(h.name, data, log)...)
	}
	return entries, nil
}

// hiveFiles are a hive and its logs, as this Windows names them.
func (m *maker) hiveFiles(name string, data, log []byte) []format.Entry {
	if m.before(windows.BuildVista) {
		name = strings.ToLower(name)
		return []format.Entry{{Name: name, Data: data}, {Name: name + ".LOG", Data: log}}
	}
	return []format.Entry{{Name: name, Data: data}, {Name: name + ".LOG1", Data: log}, {Name: name + ".LOG2", Data: bytes.Repeat([]byte{0}, hiveLog)}}
}

func (m *maker) generation() hive.Generation {
	switch {
	case m.before(windows.BuildVista):
		return hive.GenerationXP
	case m.before(windows.Build81):
		return hive.GenerationDIRT
	}
	return hive.GenerationHvLE
}

// unfinished is the change that only the log has. After a crash it is what that boot wrote; else
// somebody switched dumps off just before power failed or, where they are off, the restart after
// a crash.
func (m *maker) unfinished(h *hive.Hive) error {
	const control = `ControlSet001\Control\`
	if m.State == Crashed {
		return h.SetValue(control+`Session Manager\Memory Management\PrefetchParameters`, hive.Value{
			Name: "BootId", Type: hive.DWORD, Data: hive.EncodeDWORD(crashedBoot),
		})
	}
	name := windows.CrashDumpEnabled
	if m.Windows.DumpType == 0 {
		name = windows.AutoReboot
	}
	return h.SetValue(control+`CrashControl`, hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(0)})
}
