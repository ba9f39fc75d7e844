// Package regtext reads and writes .reg texts, the format in which Windows' registry editor exports
// and imports keys, and applies them to hives.
//
//	Windows Registry Editor Version 5.00
//
//	[HKEY_LOCAL_MACHINE\SYSTEM\Select]           a key, created if it is missing
//	@="text"                                     its default value
//	"Current"=dword:00000001                     REG_DWORD
//	"Data"=hex:01,02,\                           REG_BINARY, on several lines
//	  03,04
//	"Paths"=hex(2):25,00,00,00                   any other type, its number in hexadecimal
//	"Old"=-                                      a value to delete
//
//	[-HKEY_LOCAL_MACHINE\SYSTEM\Setup\Pid]       a key to delete with all below it
//
// In quotes a backslash stands before a backslash and before a quote; anything else stands for
// itself, line breaks included. A key's path goes up to the last bracket of its line, as it is; no
// bracket within it has a comment's semicolon behind it.
//
// Regedit writes UTF-16LE with a byte order mark and CRLF. Names and strings that are not proper
// UTF-16 survive the way there and back: in Go strings they are WTF-8, as package hive has them.
//
// Sources of format facts: texts that regedit exported, and what Wine's tests found regedit to
// accept and to skip.
package regtext
