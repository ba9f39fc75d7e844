@echo off
rem Starts hangkit's menu in Windows PE, and where a Windows setup or recovery image was made
rem into one: winpeshl.ini runs it there. Run by hand from a stick, it does the same without
rem touching the machine's start; what is collected then goes to the folder it lies in.
if "%~1"=="menu" goto menu
set HANGKIT_STICK=
set HANGKIT_EXE=
set HANGKIT_LIVE=
if /i not "%~d0"=="%SystemDrive%" goto byhand

rem Nothing is found before Plug and Play has run, and sticks may come last.
wpeinit
wpeutil WaitForRemovableStorage >nul 2>nul
for %%d in (C D E F G H I J K L M N O P Q R S T U V W X Y Z A B) do call :look %%d 2>nul
call :drivers "%SystemDrive%\hangkit\drivers"
if defined HANGKIT_STICK call :drivers "%HANGKIT_STICK%drivers"
if defined HANGKIT_STICK call :drivers "%HANGKIT_STICK%hangkit\drivers"
call :program "%SystemDrive%\hangkit\hangkit.exe"
if defined HANGKIT_STICK call :program "%HANGKIT_STICK%hangkit\hangkit.exe"
if defined HANGKIT_STICK call :program "%HANGKIT_STICK%hangkit.exe"
goto menu

:byhand
for %%p in ("%~dp0.") do set "HANGKIT_STICK=%%~fp"
call :drivers "%~dp0drivers"
call :program "%~dp0hangkit.exe"
call :program "%~dp0hangkit\hangkit.exe"

:menu
if not defined HANGKIT_EXE goto missing
if defined HANGKIT_STICK echo Dumps go to %HANGKIT_STICK%
if not defined HANGKIT_STICK echo No volume labelled HANGKIT can be written to: say where dumps go.
for %%p in ("%HANGKIT_EXE%") do set "PATH=%PATH%;%%~dpp"
rem Windows PE is in memory, and the menu may switch it off.
if exist "%SystemRoot%\System32\wpeutil.exe" set HANGKIT_LIVE=1
"%HANGKIT_EXE%" menu
set HANGKIT_STATUS=%errorlevel%
if %HANGKIT_STATUS%==10 wpeutil Shutdown
if %HANGKIT_STATUS%==11 wpeutil Reboot
echo.
echo The menu comes back with: "%~f0" menu
if defined HANGKIT_LIVE echo The machine starts anew with: wpeutil reboot
goto :eof

:missing
echo hangkit.exe is neither in this Windows PE nor on a stick labelled HANGKIT.
goto :eof

rem look takes a drive for the stick by its label, but none that holds a Windows or cannot be
rem written to. The label, a text from the disk, is never expanded where cmd would run it.
:look
if defined HANGKIT_STICK goto :eof
vol %1:| find " HANGKIT" >nul
if errorlevel 1 goto :eof
if /i "%1:"=="%SystemDrive%" goto :eof
if exist %1:\Windows\System32\config\SYSTEM goto :eof
echo.2>nul >%1:\hangkit-stick.tmp
if not exist %1:\hangkit-stick.tmp goto :eof
del %1:\hangkit-stick.tmp
set HANGKIT_STICK=%1:\
goto :eof

rem drivers loads what lies in a folder, for disks that this Windows PE does not know.
:drivers
if not exist "%~1" goto :eof
for /r "%~1" %%i in (*.inf) do call :driver "%%i"
goto :eof

:driver
echo Loading the driver %1
drvload %1
if errorlevel 1 echo It was not loaded.
goto :eof

rem program takes the first hangkit.exe there is.
:program
if defined HANGKIT_EXE goto :eof
if exist "%~1" set "HANGKIT_EXE=%~1"
goto :eof
