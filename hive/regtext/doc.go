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
package regtext
