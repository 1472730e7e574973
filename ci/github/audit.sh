#!/usr/bin/env bash
# Audits as ARGUMENTS and POLICY say, and writes everything that a job shows. An error (2) ends the job here; a verdict
# is an output, which the last step of the action turns into the job's result.
set -euo pipefail
folder="$RUNNER_TEMP/trusteq/$NAME"
mkdir -p "$folder"
# Split as a shell would, but nothing in them is run.
python - > "$folder.words" << 'PYTHON'
import os, shlex, sys
sys.stdout.write("".join(f"{word}\0" for word in shlex.split(os.environ["ARGUMENTS"])))
PYTHON
mapfile -d '' -t words < "$folder.words"
rm "$folder.words"
code=0
trusteq audit "${words[@]}" ${POLICY:+--policy "$POLICY"} --out "$folder/run" --quiet || code=$?
case $code in
  0) verdict="EQUIVALENT" ;;
  1) verdict="NOT EQUIVALENT" ;;
  3) verdict="UNDECIDED" ;;
  *) exit "$code" ;;
esac
trusteq report "$folder/run" --out "$folder/report.html"
trusteq report "$folder/run" --as junit --out "$folder/trust.xml"
trusteq report "$folder/run" --as markdown --out "$folder/comment.md"
trusteq report "$folder/run" --as badge --out "$folder/badge.json"
cat "$folder/comment.md" >> "$GITHUB_STEP_SUMMARY"
cat >> "$GITHUB_OUTPUT" << OUTPUTS
verdict=$verdict
exit-code=$code
folder=$folder
run=$folder/run
report=$folder/report.html
junit=$folder/trust.xml
comment=$folder/comment.md
badge=$folder/badge.json
OUTPUTS
