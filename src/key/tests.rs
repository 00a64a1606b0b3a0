//! Scopes, secrets, origins and tokens at their edges.

use super::ring::Keyring;
use super::secret::{Presented, Secret};
use super::token::{Purpose, Token, Void};
use super::*;
use crate::time::Timestamp;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn key(id: u64, random: u128, scopes: &[Scope]) -> (Key, String) {
    let secret = Secret::new(KeyId(id), random);
    let key = Key {
        id: KeyId(id),
        name: KeyName::parse("web").unwrap(),
        scopes: Scopes::new(scopes).unwrap(),
        origins: Vec::new(),
        rate: None,
        exposes: true,
        hash: secret.hash(),
        created_at: at("2026-01-01T00:00:00Z"),
        revoked_at: None,
    };
    (key, secret.to_string())
}

#[test]
fn admin_is_everything_and_write_reads() {
    let allowed = |given: &[Scope]| -> Vec<Scope> {
        let scopes = Scopes::new(given).unwrap();
        let all = Scope::ALL.into_iter();
        all.filter(|scope| scopes.allow(*scope)).collect()
    };
    assert_eq!(allowed(&[Scope::Admin]), Scope::ALL);
    assert_eq!(allowed(&[Scope::Write]), [Scope::Read, Scope::Write]);
    assert_eq!(
        allowed(&[Scope::Events, Scope::Assign]),
        [Scope::Assign, Scope::Events]
    );
    for alone in [Scope::Assign, Scope::Events, Scope::Force, Scope::Read] {
        assert_eq!(allowed(&[alone]), [alone]);
    }
    assert_eq!(Scopes::new(&[]), Err(KeyError::NoScope));
}

#[test]
fn scopes_and_keys_are_read_back_as_written() {
    for scope in Scope::ALL {
        assert_eq!(scope.name().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
    }
    let (key, _) = key(7, 9, &[Scope::Read, Scope::Force]);
    let bytes = postcard::to_stdvec(&key).unwrap();
    assert_eq!(postcard::from_bytes::<Key>(&bytes).unwrap(), key);
    assert!(serde_json::from_str::<Scopes>("[]").is_err());
}

#[test]
fn origins_are_as_browsers_write_them() {
    let parse = |text: &str| {
        text.parse::<Origin>()
            .map(|origin| String::from(origin).clone())
    };
    assert_eq!(
        parse("https://Shop.example/").unwrap(),
        "https://shop.example"
    );
    assert_eq!(
        parse("http://localhost:3000").unwrap(),
        "http://localhost:3000"
    );
    assert_eq!(parse("http://[::1]:80").unwrap(), "http://[::1]:80");
    for wrong in [
        "*",
        "null",
        "",
        "shop.example",
        "https://",
        "https://a/b",
        "https://a b",
        "https://ä.de",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
    let (mut key, _) = key(1, 1, &[Scope::Assign]);
    assert!(key.welcomes(b"https://anywhere.example"));
    key.origins = vec!["https://shop.example".parse().unwrap()];
    assert!(key.welcomes(b"https://SHOP.example"));
    for other in [
        "https://shop.example.evil",
        "http://shop.example",
        "null",
        "",
    ] {
        assert!(!key.welcomes(other.as_bytes()), "{other}");
    }
}

#[test]
fn a_revoked_key_opens_nothing_and_leaves_the_ring_closed() {
    let (mut key, secret) = key(1, 2, &[Scope::Read]);
    let mut ring = Keyring::default();
    assert!(ring.is_empty());
    ring.put(key.clone());
    let presented = Presented::parse(secret.as_bytes()).unwrap();
    let token = key.token(at("2026-01-01T00:00:00Z")).to_string();
    assert!(ring.opened_by(&presented).is_some());
    assert!(
        ring.behind(&token, Purpose::Stream, at("2026-01-01T00:00:00Z"))
            .is_some()
    );
    key.revoked_at = Some(at("2026-01-02T00:00:00Z"));
    ring.put(key);
    assert!(ring.opened_by(&presented).is_none());
    assert!(
        ring.behind(&token, Purpose::Stream, at("2026-01-01T00:00:00Z"))
            .is_none()
    );
    assert!(!ring.is_empty());
    assert_eq!(ring.live().count(), 0);
}

#[test]
fn a_token_ends_with_its_time_and_can_not_be_made_longer() {
    let (first, _) = key(1, 2, &[Scope::Assign]);
    let (second, _) = key(2, 2, &[Scope::Admin]);
    let mut ring = Keyring::default();
    ring.put(first.clone());
    ring.put(second);
    let token = first.token(at("2026-01-01T10:59:59.999Z")).to_string();
    assert_eq!(token, first.token(at("2026-01-01T10:00:00Z")).to_string());
    assert_ne!(token, first.token(at("2026-01-01T11:00:00Z")).to_string());
    assert_eq!(
        ring.behind(&token, Purpose::Stream, at("2026-01-01T11:59:59.999Z"))
            .unwrap()
            .id,
        KeyId(1)
    );
    assert!(
        ring.behind(&token, Purpose::Stream, at("2026-01-01T12:00:00Z"))
            .is_none()
    );
    let now = at("2026-01-01T10:00:00Z");
    for (place, digit) in [
        (15, "2"),
        (20, "f"),
        (50, "x"),
        (40, "1"),
        (47, "f"),
        (111, "Z"),
    ] {
        let mut forged = token.clone();
        forged.replace_range(place..=place, digit);
        assert!(
            ring.behind(&forged, Purpose::Stream, now).is_none(),
            "{forged}"
        );
    }
    let session = first.session(now).to_string();
    assert!(ring.behind(&session, Purpose::Stream, now).is_none());
    assert!(ring.behind(&token, Purpose::Session, now).is_none());
    assert!(
        ring.behind(&session, Purpose::Session, at("2026-01-01T21:59:59Z"))
            .is_some()
    );
    assert!(
        ring.behind(&session, Purpose::Session, at("2026-01-01T22:00:00Z"))
            .is_none()
    );
    assert!(ring.behind(&token[..111], Purpose::Stream, now).is_none());
    assert!(ring.behind("", Purpose::Stream, now).is_none());
    assert!(ring.behind(&"é".repeat(60), Purpose::Stream, now).is_none());
}

#[test]
fn a_link_opens_its_own_subject_and_says_when_it_is_over() {
    let (mut key, _) = key(1, 2, &[Scope::Write]);
    let mut ring = Keyring::default();
    let now = at("2026-01-01T10:00:00Z");
    let later = at("2026-01-01T10:00:01Z");
    let made = |key: Option<&Key>, subject: u64| {
        Token::new(key, (Purpose::Variant, subject), later.millis()).to_string()
    };
    let open = made(None, 7);
    let opened = ring.opened(&open, Purpose::Variant, now).unwrap();
    assert!(opened.key.is_none() && opened.subject == 7);
    let refused = |ring: &Keyring, token: &str, purpose: Purpose, now: Timestamp| {
        ring.opened(token, purpose, now).unwrap_err()
    };
    assert_eq!(refused(&ring, &open, Purpose::Report, now), Void::Unknown);
    assert_eq!(refused(&ring, &open, Purpose::Variant, later), Void::Ended);
    let signed = made(Some(&key), 7);
    assert_eq!(
        refused(&ring, &signed, Purpose::Variant, now),
        Void::Unknown
    );
    ring.put(key.clone());
    assert_eq!(refused(&ring, &open, Purpose::Variant, now), Void::Unknown);
    let opened = ring.opened(&signed, Purpose::Variant, now).unwrap();
    assert_eq!((opened.key.unwrap().id, opened.subject), (KeyId(1), 7));
    assert_eq!(
        refused(&ring, &signed, Purpose::Variant, later),
        Void::Ended
    );
    let other = made(Some(&key), 8);
    let swapped = format!("{}{}", &other[..48], &signed[48..]);
    assert_eq!(
        refused(&ring, &swapped, Purpose::Variant, now),
        Void::Unknown
    );
    key.revoked_at = Some(now);
    ring.put(key);
    for now in [now, later] {
        assert_eq!(
            refused(&ring, &signed, Purpose::Variant, now),
            Void::Unknown
        );
    }
}

proptest! {
    #[test]
    fn only_the_secret_itself_opens_its_key(id: u64, random: u128, place in 0_usize..52, byte: u8) {
        let (key, secret) = key(id, random, &[Scope::Assign]);
        let mut ring = Keyring::default();
        ring.put(key);
        prop_assert_eq!(secret.len(), 52);
        let opens = |text: &[u8]| Presented::parse(text).is_some_and(|presented| ring.opened_by(&presented).is_some());
        prop_assert!(opens(secret.as_bytes()));
        let mut other = secret.clone().into_bytes();
        other[place] = byte;
        prop_assert_eq!(opens(&other), other == secret.as_bytes());
        prop_assert!(!opens(&other[..place]));
    }

    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>) {
        let _ = Presented::parse(&text);
        let _ = Keyring::default().behind(&String::from_utf8_lossy(&text), Purpose::Stream, at("2026-01-01T00:00:00Z"));
    }
}
