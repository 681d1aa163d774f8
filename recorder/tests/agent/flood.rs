//! Ever new facts: one file, renamed and opened again and again.

use std::{fs, path::Path};

/// As many as one process can.
pub(crate) const UNBOUNDED: u64 = 0;

/// Folder, opens a second, seconds. It ends early once there is a file `end`, and leaves in `count` how many there were.
const FLOOD: &str = r#"
use Time::HiRes "time";
my ($folder, $rate, $seconds) = @ARGV;
mkdir $folder;
open(my $first, ">", "$folder/f0") or die;
my ($count, $began) = (0, time);
while (time - $began < $seconds and not -e "$folder/end") {
    my $wanted = $rate ? int((time - $began) * $rate) : $count + 1000;
    while ($count < $wanted) {
        rename("$folder/f$count", "$folder/f" . ++$count);
        open(my $file, "<", "$folder/f$count") or die;
    }
    select(undef, undef, undef, 0.005) if $rate;
}
open(my $file, ">", "$folder/count") or die;
print $file $count;
"#;

/// A line of shell that opens so many a second, for so long, in a folder that it makes.
pub(crate) fn for_seconds(folder: &Path, rate: u64, seconds: u64) -> String {
    let script: Vec<&str> = FLOOD.lines().map(str::trim).collect();
    format!("perl -e '{}' {} {rate} {seconds}", script.join(" "), folder.display())
}

/// The same until [`end`].
pub(crate) fn until_the_end(folder: &Path, rate: u64) -> String {
    for_seconds(folder, rate, 3600)
}

/// Lets it end.
pub(crate) fn end(folder: &Path) {
    fs::write(folder.join("end"), "").unwrap();
}

/// How many there were.
pub(crate) fn issued(folder: &Path) -> u64 {
    fs::read_to_string(folder.join("count")).unwrap().parse().unwrap()
}
