//! The latest value stands, in whatever order it comes.

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1_000).unwrap()
}

fn told(json: &str) -> Told {
    Told::parse(json).unwrap()
}

fn value<'a>(profile: &'a Profile, name: &str) -> Option<&'a str> {
    profile.traits.get(name)?.value.as_deref()
}

#[test]
fn the_latest_value_stands_and_null_removes() {
    let mut profile = Profile::default();
    profile
        .tell(None, &told(r#"{"plan":"pro","age":7}"#), at(2))
        .unwrap();
    profile
        .tell(None, &told(r#"{"plan":"free","city":{"a":[1]}}"#), at(1))
        .unwrap();
    assert_eq!(value(&profile, "plan"), Some("\"pro\""));
    assert_eq!(value(&profile, "city"), Some(r#"{"a":[1]}"#));
    profile
        .tell(None, &told(r#"{"plan":null}"#), at(3))
        .unwrap();
    profile
        .tell(None, &told(r#"{"plan":"old"}"#), at(2))
        .unwrap();
    assert_eq!(value(&profile, "plan"), None);
    assert_eq!(value(&profile, "age"), Some("7"));
}

#[test]
fn a_full_profile_takes_nothing_over_and_forgets_removals_first() {
    let mut profile = Profile::default();
    for i in 0..MAX_TRAITS {
        let one = format!(r#"{{"t{i}":1}}"#);
        profile.tell(None, &told(&one), at(1)).unwrap();
    }
    let before = profile.clone();
    let more = told(r#"{"t0":2,"more":1}"#);
    assert_eq!(profile.tell(None, &more, at(2)), Err(TraitsError::TooMany));
    assert_eq!(profile, before);
    let group = GroupId::parse("acme").unwrap();
    let none = Told::default();
    assert!(profile.tell(Some(&group), &none, at(2)).is_err());
    profile.tell(None, &told(r#"{"t1":null}"#), at(2)).unwrap();
    profile.tell(Some(&group), &none, at(3)).unwrap();
    assert!(!profile.traits.contains_key("t1"));
    let long = "x".repeat(MAX_BYTES);
    assert_eq!(
        Told::parse(&format!(r#"{{"long":"{long}"}}"#)),
        Err(TraitsError::TooMany)
    );
    for bad in ["[]", "7", "{", ""] {
        assert_eq!(Told::parse(bad), Err(TraitsError::NoObject));
    }
}

#[test]
fn two_full_profiles_join_into_the_latest() {
    let full = |name: char, second| {
        let mut profile = Profile::default();
        let members: Vec<String> = (0..MAX_TRAITS)
            .map(|i| format!(r#""{name}{i}":1"#))
            .collect();
        let all = format!("{{{}}}", members.join(","));
        profile.tell(None, &told(&all), at(second)).unwrap();
        profile
    };
    let mut joined = full('a', 1);
    joined.join(full('b', 2));
    assert_eq!(joined.traits, full('b', 2).traits);
    let mut other = full('b', 2);
    other.join(full('a', 1));
    assert_eq!(joined, other);
}

/// Something told: of a group or not, under one of three names, a value or none, at one of five times.
type Change = (bool, usize, Option<u8>, i64);

fn tell(profile: &mut Profile, (grouped, name, value, second): Change) {
    let group = grouped.then(|| GroupId::parse("acme").unwrap());
    let json = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
    let json = format!(r#"{{"t{name}":{json}}}"#);
    profile
        .tell(group.as_ref(), &told(&json), at(second))
        .unwrap();
}

proptest! {
    #[test]
    fn order_repetition_and_ids_leave_no_trace(
        changes in prop::collection::vec((any::<bool>(), 0_usize..3, prop::option::of(0_u8..3), 0_i64..5), 0..12),
        under in prop::collection::vec(any::<bool>(), 12),
        turn in 0_usize..12,
    ) {
        let mut one = Profile::default();
        for change in &changes {
            tell(&mut one, *change);
        }
        let mut two = [Profile::default(), Profile::default()];
        let mut turned: Vec<_> = changes.iter().zip(under).rev().collect();
        turned.rotate_left(turn.min(changes.len()));
        for (change, other) in turned.iter().chain(&turned) {
            tell(&mut two[usize::from(*other)], **change);
        }
        let [mut joined, other] = two;
        joined.join(other);
        prop_assert_eq!(&joined, &one);
        prop_assert_eq!(Profile::decode(&one.encode().unwrap()), Ok(one));
    }
}
