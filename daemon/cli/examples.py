"""Examples for the help of every command."""

EXAMPLES = {
    "run": ("transcribed run", "transcribed run --once --config config.toml", "transcribed run --preset cpu"),
    "status": ("transcribed status", "transcribed status --watch", "transcribed status --json | jq .backlog.eta_s"),
    "search": (
        'transcribed search "quarterly budget"',
        "transcribed search budget march --folder inbox/2026 --since 30d",
    ),
    "jobs list": (
        "transcribed jobs list --state dead --state rejected",
        "transcribed jobs list --path '2026/*.mp3' --limit 500",
        "transcribed jobs list --json --cursor START",
    ),
    "jobs show": ("transcribed jobs show 12",),
    "jobs retry": ("transcribed jobs retry 12 inbox/talk.mp3", "transcribed jobs retry --state dead --refresh-options"),
    "jobs cancel": ("transcribed jobs cancel 12 13", "transcribed jobs cancel --path 'music/*'"),
    "jobs pause": ("transcribed jobs pause 14", "transcribed jobs pause --root archive"),
    "jobs resume": ("transcribed jobs resume 14", "transcribed jobs resume --state paused"),
    "jobs priority": ("transcribed jobs priority 'urgent/*' --to 10",),
    "retranscribe": (
        "transcribed retranscribe --made-with tiny.en",
        "transcribed retranscribe --below-quality 0.5 --before 2026-03-31 --yes",
    ),
    "reconcile": ("transcribed reconcile", "transcribed reconcile --fix"),
    "export": (
        "transcribed export inbox/talk.mp3 --format vtt",
        "transcribed export --missing",
        "transcribed export --format csv --path '2026/*' > said.csv",
        "transcribed export --format parquet --table jobs --output jobs.parquet",
    ),
    "explain": ("transcribed explain inbox/talk.mp3",),
    "check": ("transcribed check", "transcribed check --default > config.toml"),
    "reload": ("transcribed reload",),
    "pause": ("transcribed pause",),
    "resume": ("transcribed resume",),
    "alerts": ("transcribed alerts", "transcribed alerts --all --limit 200"),
    "metrics": ("transcribed metrics --since 7d", "transcribed metrics --since 24h --plot out.png"),
    "db backup": ("transcribed db backup", "transcribed db backup /mnt/backup/"),
    "bench quantization": ("transcribed bench quantization --memos 10 --repeats 1",),
    "bench batching": ("transcribed bench batching --model base",),
    "bench lengths": ("transcribed bench lengths --minutes 1 --minutes 10",),
    "bench peers": ("transcribed bench peers --repeats 3", "transcribed bench peers --folder recordings --only faster"),
    "bench latency": ("transcribed bench latency --json -",),
    "bench subtitles": ("transcribed bench subtitles --transcripts 100",),
    "bench folder": ("transcribed bench folder recordings --preset cpu --preset edge --language de",),
    "verify": ("transcribed verify", "transcribed verify --folder recordings --least 99"),
}
"""Command lines that show what a command is for, by its name."""
