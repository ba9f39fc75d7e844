<#
.SYNOPSIS
Makes media that start Windows PE with hangkit's menu. For Windows, with Microsoft's ADK.

.DESCRIPTION
When to run: to make a stick or an ISO on a Windows machine. It needs the Windows ADK
(Deployment Tools) and its Windows PE add-on, and an administrator's rights, for DISM mounts
the image. On Linux scripts/winpe/winpe does the same with a boot.wim that you have.

Windows PE's files are staged by copype; hangkit.exe, startnet.cmd, winpeshl.ini, manage-bde
(the packages WMI and SecureStartup) and drivers go into its boot.wim; MakeWinPEMedia writes
what -Iso and -UsbDrive name. No disk is erased but the one whose letter -UsbDrive gives, after
it was shown and confirmed: it must be on USB, and hold nothing that this Windows runs from.

.PARAMETER Folder
Working folder, which must not exist. Staged files stay in its folder media.

.PARAMETER Architecture
Of the machines that are to start: amd64 or arm64.

.PARAMETER Executable
hangkit.exe for that architecture. Default: beside this script, above it, or in the dist folder
of the sources.

.PARAMETER Drivers
Folder with .inf drivers of storage and USB, added to the image as they are.

.PARAMETER Iso
Write an ISO file of that name, which must not exist.

.PARAMETER UsbDrive
ERASE this USB drive, for example F:, and make it the stick. It is labelled HANGKIT, so that
dumps go there. FAT32, which firmware starts from, is made up to 32 GB.

.PARAMETER Erase
Do not ask before that.

.PARAMETER BootManager
By whose key the boot manager is signed: 2023 (Windows UEFI CA 2023), 2011 (Windows Production
PCA 2011), or auto, which takes 2023 where the ADK has it. Machines on which the key of 2011 was
revoked start the former only, those whose firmware never learnt of 2023 the latter only.

.PARAMETER NoBitLocker
Leave out the packages that manage-bde needs. hangkit opens BitLocker volumes without them.

.EXAMPLE
.\winpe.ps1 -Folder C:\hangkit-pe -UsbDrive F:

.EXAMPLE
.\winpe.ps1 -Folder C:\hangkit-pe -Architecture arm64 -Iso C:\hangkit-pe.iso -Drivers C:\vmd -WhatIf
#>
#Requires -Version 5.1
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)][ValidateNotNullOrEmpty()][string]$Folder,
    [ValidateSet('amd64', 'arm64')][string]$Architecture = 'amd64',
    [string]$Executable,
    [string]$Drivers,
    [string]$Iso,
    [ValidatePattern('^[D-Zd-z]:?$')][string]$UsbDrive,
    [switch]$Erase,
    [ValidateSet('auto', '2023', '2011')][string]$BootManager = 'auto',
    [switch]$NoBitLocker
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

# What Windows formats with FAT32 at most.
$maxFat32 = 32GB

# Stop-With ends the script with words instead of a stack of positions.
function Stop-With([string]$Words) {
    [Console]::Error.WriteLine("winpe.ps1: $Words")
    exit 1
}

# Resolve-Full gives the full name of a file that need not be there.
function Resolve-Full([string]$Name) {
    $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Name)
}

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    ([Security.Principal.WindowsPrincipal]$identity).IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# Find-Adk is the folder of the ADK, as its installer notes it, 32 bits as it is.
function Find-Adk {
    foreach ($key in 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows Kits\Installed Roots', 'HKLM:\SOFTWARE\Microsoft\Windows Kits\Installed Roots') {
        $roots = Get-ItemProperty -LiteralPath $key -ErrorAction SilentlyContinue
        if ($roots -and $roots.PSObject.Properties['KitsRoot10']) {
            $adk = Join-Path $roots.KitsRoot10 'Assessment and Deployment Kit'
            if (Test-Path -LiteralPath $adk) { return $adk }
        }
    }
}

# Get-Machine reads for which machine a program is: the type follows the signature whose place
# the number at 0x3c gives ("PE Format", Microsoft).
function Get-Machine([string]$Program) {
    $stream = [IO.File]::OpenRead($Program)
    try {
        $reader = New-Object IO.BinaryReader $stream
        if ($stream.Length -lt 64) { return 'none' }
        $stream.Position = 0x3c
        $header = $reader.ReadUInt32()
        if ($header + 6 -gt $stream.Length) { return 'none' }
        $stream.Position = $header
        if ($reader.ReadUInt32() -ne 0x4550) { return 'none' }
        switch ($reader.ReadUInt16()) {
            0x8664 { 'amd64' }
            0xaa64 { 'arm64' }
            default { 'another machine' }
        }
    }
    finally { $stream.Dispose() }
}

# Invoke-Tool runs a program of the ADK in the environment that its own prompt has. What it
# says is shown when it fails. The line goes to cmd as it is: PowerShell would put quotes of its
# own around quotes.
function Invoke-Tool([string]$CommandLine) {
    Write-Verbose $CommandLine
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $env:ComSpec
    $start.Arguments = "/d /s /c `"(call `"$environment`" >nul && call $CommandLine) 2>&1`""
    $start.UseShellExecute = $false
    $start.RedirectStandardOutput = $true
    $process = [Diagnostics.Process]::Start($start)
    $said = $process.StandardOutput.ReadToEnd()
    $process.WaitForExit()
    if ($process.ExitCode -ne 0) {
        [Console]::Error.WriteLine($said)
        throw "failed with status $($process.ExitCode): $CommandLine"
    }
}

# Get-Stick is the disk behind a drive letter, if it may be erased.
function Get-Stick([string]$Letter) {
    $partition = Get-Partition -DriveLetter $Letter -ErrorAction SilentlyContinue
    if (-not $partition) { Stop-With "there is no drive ${Letter}:" }
    if ($partition.Size -gt $maxFat32) { Stop-With "${Letter}: is larger than 32 GB, which Windows does not format with FAT32: make a smaller partition on the stick first" }
    $disk = $partition | Get-Disk
    if ($disk.IsBoot -or $disk.IsSystem) { Stop-With "this Windows runs from the disk of ${Letter}:" }
    if ($disk.BusType -ne 'USB') { Stop-With "${Letter}: is on a disk of bus $($disk.BusType), not on USB" }
    if ($disk.IsReadOnly) { Stop-With "the disk of ${Letter}: is read-only" }
    if (Test-Path -LiteralPath "${Letter}:\Windows\System32\config\SYSTEM") { Stop-With "${Letter}: holds a Windows" }
    $disk
}

if ($env:OS -ne 'Windows_NT') { Stop-With 'this is for Windows; on Linux run scripts/winpe/winpe' }
if (-not (Test-Administrator)) { Stop-With 'mounting an image needs an administrator: start PowerShell as administrator' }
$adk = Find-Adk
if (-not $adk) { Stop-With 'the Windows ADK is not installed: https://learn.microsoft.com/windows-hardware/get-started/adk-install' }
$environment = Join-Path $adk 'Deployment Tools\DandISetEnv.bat'
$pe = Join-Path $adk 'Windows Preinstallation Environment'
if (-not (Test-Path -LiteralPath $environment)) { Stop-With 'the ADK lacks its Deployment Tools: install them too' }
if (-not (Test-Path -LiteralPath (Join-Path $pe "$Architecture\en-us\winpe.wim"))) {
    Stop-With "the Windows PE add-on of the ADK is not installed, or not for $Architecture"
}

if (-not $Executable) {
    $places = @((Join-Path $PSScriptRoot 'hangkit.exe'), (Join-Path $PSScriptRoot "..\..\dist\hangkit-windows-$Architecture.exe"), (Join-Path $PSScriptRoot '..\hangkit.exe'))
    $Executable = $places | Where-Object { Test-Path -LiteralPath $_ } | Select-Object -First 1
    if (-not $Executable) { Stop-With 'name hangkit.exe with -Executable' }
}
if (-not (Test-Path -LiteralPath $Executable -PathType Leaf)) { Stop-With "${Executable}: no such file" }
$Executable = Resolve-Full $Executable
$machine = Get-Machine $Executable
if ($machine -ne $Architecture) { Stop-With "$Executable is for $machine, not for $Architecture" }
foreach ($part in 'startnet.cmd', 'winpeshl.ini') {
    if (-not (Test-Path -LiteralPath (Join-Path $PSScriptRoot $part))) { Stop-With "$part is not beside this script" }
}
if ($Drivers -and -not (Test-Path -LiteralPath $Drivers -PathType Container)) { Stop-With "$Drivers is no folder of drivers" }
# A backslash before a quote would be a part of the name.
if ($Drivers) { $Drivers = Join-Path (Resolve-Full $Drivers) '.' }
$Folder = (Resolve-Full $Folder).TrimEnd('\')
if (Test-Path -LiteralPath $Folder) { Stop-With "$Folder exists: name a folder that does not" }
if ($Iso) {
    $Iso = Resolve-Full $Iso
    if (Test-Path -LiteralPath $Iso) { Stop-With "$Iso exists" }
}
# The ADK's batch files put quotes around names, and can do no more against these.
foreach ($name in $Folder, $Iso, $Executable, $Drivers) {
    if ($name -match '[%!&^"]') { Stop-With "the ADK's batch files take no name with % ! & ^: $name" }
}
if ($UsbDrive) {
    $letter = $UsbDrive.Substring(0, 1).ToUpperInvariant()
    $stick = Get-Stick $letter
}

$makeMedia = Join-Path $pe 'MakeWinPEMedia.cmd'
$has2023 = (Test-Path -LiteralPath $makeMedia) -and (Select-String -LiteralPath $makeMedia -Pattern 'bootex' -SimpleMatch -Quiet)
if ($BootManager -eq '2023' -and -not $has2023) { Stop-With 'this ADK makes no media signed by the key of 2023: install a newer one (10.1.26100 or later)' }
$bootEx = if ($has2023 -and $BootManager -ne '2011') { '/bootex ' } else { '' }

$staging = $PSCmdlet.ShouldProcess($Folder, "Stage Windows PE ($Architecture) with hangkit")
if ($WhatIfPreference) {
    if ($Iso) { $null = $PSCmdlet.ShouldProcess($Iso, 'Write the ISO') }
    if ($UsbDrive) { $null = $PSCmdlet.ShouldProcess("${letter}: on $($stick.FriendlyName)", 'ERASE the drive and make it the stick') }
}
if (-not $staging) { exit 0 }

Invoke-Tool "copype $Architecture `"$Folder`""
$wim = Join-Path $Folder 'media\sources\boot.wim'
$mount = Join-Path $Folder 'mount'
$mounted = $false
try {
    Invoke-Tool "Dism /English /Mount-Image /ImageFile:`"$wim`" /Index:1 /MountDir:`"$mount`""
    $mounted = $true
    if (-not $NoBitLocker) {
        # SecureStartup needs WMI, and each its texts.
        foreach ($package in 'WinPE-WMI', 'WinPE-SecureStartup', 'WinPE-EnhancedStorage') {
            foreach ($cab in "$package.cab", "en-us\${package}_en-us.cab") {
                $path = Join-Path $pe "$Architecture\WinPE_OCs\$cab"
                if (Test-Path -LiteralPath $path) {
                    Invoke-Tool "Dism /English /Image:`"$mount`" /Add-Package /PackagePath:`"$path`""
                }
                else { Write-Warning "this ADK has no $cab" }
            }
        }
    }
    if ($Drivers) { Invoke-Tool "Dism /English /Image:`"$mount`" /Add-Driver /Driver:`"$Drivers`" /Recurse" }
    $null = New-Item -ItemType Directory -Path (Join-Path $mount 'hangkit') -Force
    Copy-Item -LiteralPath $Executable -Destination (Join-Path $mount 'hangkit\hangkit.exe')
    foreach ($part in 'startnet.cmd', 'winpeshl.ini') {
        Copy-Item -LiteralPath (Join-Path $PSScriptRoot $part) -Destination (Join-Path $mount "Windows\System32\$part") -Force
    }
    Invoke-Tool "Dism /English /Unmount-Image /MountDir:`"$mount`" /Commit"
    $mounted = $false
}
finally {
    if ($mounted) {
        try { Invoke-Tool "Dism /English /Unmount-Image /MountDir:`"$mount`" /Discard" }
        catch { Write-Warning "$mount is still mounted: Dism /Cleanup-Mountpoints" }
    }
}
# On the stick itself hangkit can be renewed, and run from any other Windows PE or WinRE.
$beside = Join-Path $Folder 'media\hangkit'
$null = New-Item -ItemType Directory -Path (Join-Path $beside 'drivers') -Force
Copy-Item -LiteralPath $Executable -Destination (Join-Path $beside 'hangkit.exe')
Copy-Item -LiteralPath (Join-Path $PSScriptRoot 'startnet.cmd') -Destination $beside
Write-Output "$(Join-Path $Folder 'media') is ready."

if ($Iso -and $PSCmdlet.ShouldProcess($Iso, 'Write the ISO')) {
    Invoke-Tool "MakeWinPEMedia /ISO ${bootEx}`"$Folder`" `"$Iso`""
    Write-Output "$Iso is ready."
}
if ($UsbDrive) {
    $what = "${letter}: on $($stick.FriendlyName), $([math]::Round($stick.Size / 1GB, 1)) GB, disk $($stick.Number)"
    $sure = $PSCmdlet.ShouldProcess($what, 'ERASE the drive and make it the stick') -and
        ($Erase -or $PSCmdlet.ShouldContinue("Everything on $what will be ERASED.", 'Make the stick'))
    if ($sure) {
        # What is behind a letter changes when sticks do.
        $now = Get-Stick $letter
        if ($now.UniqueId -ne $stick.UniqueId) { Stop-With "${letter}: is another disk than it was" }
        Invoke-Tool "MakeWinPEMedia /UFD /F ${bootEx}`"$Folder`" ${letter}:"
        Set-Volume -DriveLetter $letter -NewFileSystemLabel 'HANGKIT'
        Write-Output "${letter}: is ready."
    }
}
