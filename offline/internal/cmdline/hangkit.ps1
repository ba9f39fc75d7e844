# Completion of hangkit's command line for PowerShell. Add to your profile:
#   hangkit completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName hangkit, hangkit.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_.Value -is [string]) { $_.Value } else { $_.Extent.Text } })
    $program = $words[0]
    $before = @($words | Select-Object -Skip 1)
    $answer = @(& $program __complete @before "=$wordToComplete" 2>$null)
    if ($answer.Count -eq 0 -or $answer[0] -ne 'words') { return } # PowerShell offers file names
    $answer | Select-Object -Skip 1 | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        if (-not $help) { $help = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $help)
    }
}
