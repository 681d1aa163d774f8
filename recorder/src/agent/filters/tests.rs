use std::{fs, path::Path};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn file(name: &str, content: &str) -> FilterFile {
    FilterFile { namespace: "shop".to_owned(), name: name.to_owned(), content: content.to_owned() }
}

fn directive(files: &[FilterFile], keep: &[String]) -> SeccompDirective {
    SeccompDirective { payload: mailbox::encode_filters(files).unwrap().unwrap(), keep: keep.to_vec() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// Lets it work until there is nothing left to do. Gives what the ledger is told last.
fn tend(filters: &mut Filters, now: Timestamp) -> Option<Vec<u8>> {
    let mut noted = filters.tend(now);
    while filters.report().is_none() {
        noted = filters.tend(now).or(noted);
    }
    noted
}

/// What is in the folder of the namespace, hidden or not.
fn found(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place.join("shop")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn of(files: &[&FilterFile]) -> Vec<String> {
    let mut names: Vec<String> = files.iter().flat_map(|file| [format!("{}.json", file.name), format!("{}.json", file.hashed())]).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn what_is_wanted_is_there_under_both_names_and_is_told_of() {
    let place = tempfile::tempdir().unwrap();
    let mut filters = Filters::new(place.path().to_owned(), DAY, None);
    assert_eq!(tend(&mut filters, at(0)), None);
    let (web, api) = (file("deployment-web", "{\"a\":1}\n"), file("deployment-api", "{}\n"));
    let noted = filters.follow(Some(&directive(&[web.clone(), api.clone()], &[]))).unwrap();
    assert!(found(place.path()).is_empty() && filters.report().is_none(), "the ledger comes first");
    assert_eq!(tend(&mut filters, at(0)), None);
    assert_eq!(found(place.path()), of(&[&web, &api]));
    for name in [&web.name, &web.hashed()] {
        assert_eq!(fs::read_to_string(place.path().join("shop").join(format!("{name}.json"))).unwrap(), web.content);
    }
    let told = filters.report().unwrap();
    assert_eq!((told.there, told.trouble.as_str()), (BTreeSet::from([web.id(), api.id()]).into_iter().collect(), ""));
    // The next agent finds them, and writes none again.
    let written = fs::metadata(place.path().join("shop/deployment-web.json")).unwrap().modified().unwrap();
    let mut next = Filters::new(place.path().to_owned(), DAY, Some(&noted));
    assert_eq!(next.follow(Some(&directive(&[web.clone(), api.clone()], &[]))), None);
    tend(&mut next, at(1));
    assert_eq!(next.report(), filters.report());
    assert_eq!(fs::metadata(place.path().join("shop/deployment-web.json")).unwrap().modified().unwrap(), written);
}

#[test]
fn what_nobody_names_is_removed_a_day_later_and_what_somebody_names_is_not() {
    let place = tempfile::tempdir().unwrap();
    let mut filters = Filters::new(place.path().to_owned(), DAY, None);
    let (old, new) = (file("deployment-web", "{\"old\":1}\n"), file("deployment-web", "{\"new\":1}\n"));
    filters.follow(Some(&directive(std::slice::from_ref(&old), &[])));
    tend(&mut filters, at(0));
    // Another content under the same name; a pod still names the old one by its hash.
    filters.follow(Some(&directive(std::slice::from_ref(&new), &[old.id()])));
    tend(&mut filters, at(100));
    tend(&mut filters, at(100 + 2 * 86_400));
    assert_eq!(found(place.path()), of(&[&old, &new]));
    // Nobody names it any more.
    filters.follow(Some(&directive(std::slice::from_ref(&new), &[])));
    let from = 100 + 2 * 86_400 + 1;
    let noted = tend(&mut filters, at(from)).unwrap();
    tend(&mut filters, at(from + 86_399));
    assert_eq!(found(place.path()), of(&[&old, &new]));
    // An agent after this one goes on counting.
    let mut next = Filters::new(place.path().to_owned(), DAY, Some(&noted));
    tend(&mut next, at(from + 86_400));
    assert_eq!(found(place.path()), of(&[&old, &new]), "before the controller has spoken nothing goes");
    next.follow(Some(&directive(std::slice::from_ref(&new), &[])));
    assert!(tend(&mut next, at(from + 86_400)).is_some());
    assert_eq!(found(place.path()), of(&[&new]), "the name without a hash is the new one's");
    assert_eq!(next.report().unwrap().there, [new.id()]);
    // The last one takes its folder along.
    next.follow(Some(&directive(&[], &[])));
    tend(&mut next, at(0));
    tend(&mut next, at(86_400));
    assert!(!place.path().join("shop").exists());
}

#[test]
fn switched_off_everything_stays() {
    let place = tempfile::tempdir().unwrap();
    let mut filters = Filters::new(place.path().to_owned(), DAY, None);
    let web = file("deployment-web", "{}\n");
    filters.follow(Some(&directive(std::slice::from_ref(&web), &[])));
    tend(&mut filters, at(0));
    filters.follow(None);
    tend(&mut filters, at(10 * 86_400));
    assert_eq!(found(place.path()), of(&[&web]));
}

#[test]
fn what_others_put_there_is_never_removed() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("shop")).unwrap();
    fs::write(place.path().join("shop/by-hand.json"), "{}").unwrap();
    let mut filters = Filters::new(place.path().to_owned(), Duration::ZERO, None);
    let web = file("deployment-web", "{}\n");
    filters.follow(Some(&directive(std::slice::from_ref(&web), &[])));
    tend(&mut filters, at(0));
    fs::write(place.path().join("shop/deployment-web.json"), "{\"changed\": \"by hand\"}").unwrap();
    filters.follow(Some(&directive(&[], &[])));
    tend(&mut filters, at(1));
    assert_eq!(found(place.path()), ["by-hand.json", "deployment-web.json"]);
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_no_filter() {
    let place = tempfile::tempdir().unwrap();
    let mut filters = Filters::new(place.path().join("inside"), DAY, None);
    fs::create_dir(place.path().join("inside")).unwrap();
    let hostile = FilterFile { namespace: "..".into(), name: "out".into(), content: "{}".into() };
    filters.follow(Some(&directive(&[hostile, file("../../out", "{}")], &[])));
    tend(&mut filters, at(0));
    assert_eq!(filters.report(), Some(SeccompReport::default()));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_told_of_once() {
    let place = tempfile::tempdir().unwrap();
    let mut filters = Filters::new(place.path().join("nowhere"), DAY, None);
    filters.follow(Some(&directive(&[file("deployment-web", "{}\n")], &[])));
    tend(&mut filters, at(0));
    let told = filters.report().unwrap();
    assert!(
        told.there.is_empty() && told.trouble.contains("mount the folder runtimemap of the kubelet's seccomp folder"),
        "{}",
        told.trouble
    );
}

#[test]
fn a_payload_that_cannot_be_read_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut filters = Filters::new(place.path().to_owned(), Duration::ZERO, None);
    let web = file("deployment-web", "{}\n");
    filters.follow(Some(&directive(std::slice::from_ref(&web), &[])));
    tend(&mut filters, at(0));
    filters.follow(Some(&SeccompDirective { payload: "%".to_owned(), keep: Vec::new() }));
    tend(&mut filters, at(1));
    assert_eq!(found(place.path()), of(&[&web]));
}
