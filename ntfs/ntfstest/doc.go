// Package ntfstest lets programs that others wrote judge a volume, for the tests of
// whatever writes to one: ntfs-3g and its tools, sleuthkit, ntfsck.
package ntfstest
