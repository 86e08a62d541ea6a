#!/bin/bash
# Real programs, for a guest and for the host: `programs list`, or `programs KIND`, which prints the kind, the seconds it took and
# the first 16 digits of a digest of what it computed. Runs in the file system of tools/guests/bench-disk; writes to /tmp only.
set -euo pipefail
here=/bench

gzip_text() { gzip -9 -n -c $here/text $here/text $here/text; }
zstd_text() { zstd -q -15 -c --single-thread <$here/text; }
sort_text() { LC_ALL=C sort $here/text $here/text $here/text $here/text; }
awk_text() { awk -F/ '{ for (i = 1; i <= NF; i++) count[$i]++ } END { for (word in count) print count[word], word }' $here/text $here/text $here/text | LC_ALL=C sort; }

sqlite() {
  sqlite3 :memory: <<'END'
create table t (id integer primary key, a integer, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
  insert into t select i, (i * 7919) % 100003, printf('row %d of many', i * 31 % 977) from n;
create index by_a on t (a);
select count(*), sum(x.a * 3 % 11) from t x join t y on x.a = y.id where y.b like '%7%';
select b, count(*), max(a) from t group by b order by 2 desc, 1 limit 20;
END
}

compile() { gcc -O2 -w -S -o - $here/work.c; }
compile_again() { compile; }  # as all but the first file of a build
fork_exec() { for ((i = 0; i < 500; i++)); do /bin/true; done; echo done; }
sha256() { head -c 300M /dev/zero | openssl dgst -sha256; }
aes_ctr() { head -c 300M /dev/zero | openssl enc -aes-256-ctr -K 00 -iv 00 2>/dev/null | tail -c 64; }

kinds="gzip_text zstd_text sort_text awk_text sqlite compile compile_again fork_exec sha256 aes_ctr"
if [ "$1" = list ]; then echo "$kinds"; exit; fi
TIMEFORMAT=%R
taken=$({ time "$1" >/tmp/result; } 2>&1)
echo "$1 $taken $(sha256sum </tmp/result | cut -c1-16)"
