#!/bin/sh
# Makes the compressed text files of this folder with the programs gzip 1.12 and zstd 1.5: each of the two `cells` has
# two members or frames, one behind the other.
set -eu
cd "$(dirname "$0")"
rm -f rows.jsonl.zst cells.tsv.gz cells.tsv.zst
zstd -q -19 rows.jsonl -o rows.jsonl.zst
for rows in 'a\tb\nfine\t1\n' 'dull\t0\n"so" so\t0\n'; do
    printf "$rows" | gzip -nc >>cells.tsv.gz
    printf "$rows" | zstd -qc >>cells.tsv.zst
done
