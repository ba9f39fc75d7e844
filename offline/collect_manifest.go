package offline

import (
	"hangkit/collect"
	"hangkit/offline/target"
)

// writeManifest writes the manifest of the collection as it is now.
func (k *collection) writeManifest() (err error) {
	m := collect.NewManifest("hangkit "+version().Version, k.bundle.ID.Begun, k.bundle.To())
	m.Completed, m.Computer, m.Target, m.What = k.completed, k.computer(), k.target, k.what
	for _, v := range readable(k.scan) {
		m.Volumes = append(m.Volumes, manifestVolume(v))
	}
	for _, d := range k.dumps {
		m.Add(d.Candidate, d.Result, d.Failed)
	}
	for _, l := range k.left {
		m.Add(l, nil, nil)
	}
	for _, l := range k.logs {
		m.Logs = append(m.Logs, manifestLog(&l))
	}
	for _, l := range k.logsLeft {
		m.LogsLeft = append(m.LogsLeft, manifestLogLeft(&l))
	}
	m.MoreLogsLeft = k.moreLogsLeft
	for _, f := range k.files {
		m.Files = append(m.Files, collect.NewManifestFile(f))
	}
	k.manifest, err = k.bundle.WriteManifest(m)
	return err
}

func manifestVolume(v *target.Volume) collect.ManifestVolume {
	m := collect.ManifestVolume{
		Name: v.Label(), Disk: v.Target.Name, Below: v.Target.Below, Partition: v.Part.Number,
		Size: v.Part.Size, FileSystem: v.FileSystem(), Serial: serialText(v),
	}
	if v.Device != nil {
		m.Offset = &v.Part.Start
	}
	return m
}
