# run.ps1 DIR [OTHER]: what run.sh does, on Windows: builds the library and the contract, runs it on the file system of DIR, and
# prints what docs/platforms.md takes. Needs cargo and its linker: MSVC's build tools, or gcc for a Rust of mingw-w64's.
#     powershell -ExecutionPolicy Bypass -File tests\contract-c\run.ps1 D:\directory E:\other
# Never run: no Windows was at hand where it was written.
param([Parameter(Mandatory = $true)][string]$Dir, [string]$Other)
$ErrorActionPreference = 'Stop'
$Dir = (Resolve-Path $Dir).Path
if ($Other) { $Other = (Resolve-Path $Other).Path }
Set-Location (Join-Path $PSScriptRoot '..\..')
$target = Join-Path (Get-Location) 'target\contract'
$release = Join-Path $target 'release'
$program = Join-Path $release 'contract.exe' # beside reflink.dll, where Windows looks for it

cargo build --release --locked --lib --target-dir $target
if ($LASTEXITCODE) { exit 101 }
$sources = (Get-ChildItem tests\contract-c\*.c).FullName
if ((rustc -vV) -match '^host: .*-windows-gnu') {
    gcc -std=c99 -D__USE_MINGW_ANSI_STDIO=1 -O1 -I include -o $program $sources "$release\libreflink.dll.a"
} else {
    $vswhere = Join-Path ${env:ProgramFiles(x86)} 'Microsoft Visual Studio\Installer\vswhere.exe'
    $studio = & $vswhere -latest -products * -property installationPath
    $machine = if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64') { 'arm64' } else { 'amd64' }
    $list = ($sources | ForEach-Object { "`"$_`"" }) -join ' '
    @("@call `"$studio\Common7\Tools\VsDevCmd.bat`" -no_logo -arch=$machine -host_arch=$machine",
        "@cl /nologo /std:c11 /O1 /I include /Fo`"$release\\`" /Fe`"$program`" $list `"$release\reflink.dll.lib`"") |
        Set-Content -Encoding ascii "$target\build.cmd"
    cmd /c "$target\build.cmd"
}
if ($LASTEXITCODE) { exit 101 }

$words = @($Dir) + @($Other | Where-Object { $_ })
$output = & $program @words
$code = $LASTEXITCODE
$output | Where-Object { $_ -notmatch '^(fact|ok) ' }
'--- for docs/platforms.md: save these lines in tests/targets/seen, one file for each run ---'
"date=$((Get-Date).ToUniversalTime().ToString('yyyy-MM-dd'))"
"commit=$(git rev-parse --short HEAD)"
$value = @{}
$output | ForEach-Object {
    if ($_ -match '^fact (\S+) (.*)$') { $value[$Matches[1]] = $Matches[2] }
    if ($_ -match '^\d+ passed,') { $value['contract'] = $_ }
}
$value.Keys | Sort-Object | ForEach-Object { "$_=$($value[$_])" }
exit $code
