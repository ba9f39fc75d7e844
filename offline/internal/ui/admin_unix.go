//go:build unix

package ui

// AdminHint is for who may not read disks.
const AdminHint = "reading disks needs administrator rights: try again as root"
