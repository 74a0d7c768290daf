#!/bin/sh
# Makes the speech clips of this folder from the lines of references.tsv (name, voice, text), with Debian's flite
# (its voices are free to use and to pass on) and ffmpeg. Run it only to change the clips; they are committed.
set -eu
cd "$(dirname "$0")"
tab=$(printf '\t')
while IFS="$tab" read -r name voice text; do
    wav=$(mktemp --suffix=.wav)
    flite -voice "$voice" -t "$text" -o "$wav"
    ffmpeg -nostdin -loglevel error -y -i "$wav" -ar 16000 -ac 1 $(case $name in *.opus) echo -b:a 24k ;; esac) "$name"
    rm "$wav"
done <references.tsv
