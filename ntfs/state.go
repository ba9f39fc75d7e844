package ntfs

// VolumeFlags are the flags of $VOLUME_INFORMATION. Unknown bits are no error:
// Windows 10 sets 0x80 on healthy volumes.
type VolumeFlags uint16
