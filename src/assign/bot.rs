//! Crawlers: recognised by their user agent, served control and never recorded.
//!
//! SDKs, curl and headless test browsers are not crawlers: a server-side call is made on behalf of a visitor.

/// Parts of user agents that only crawlers and link previewers have.
const MARKS: [&str; 14] = [
    "bot/",
    "bot;",
    "bot)",
    "bot-",
    "crawler",
    "crawling",
    "spider",
    "slurp",
    "facebookexternalhit",
    "mediapartners-google",
    "google-inspectiontool",
    "bingpreview",
    "feedfetcher",
    "ia_archiver",
];

/// Whether a user agent names a crawler.
pub fn is_bot(user_agent: &str) -> bool {
    let agent = user_agent.to_ascii_lowercase();
    MARKS.iter().any(|mark| agent.contains(mark)) || agent.ends_with("bot")
}

#[cfg(test)]
mod tests {
    use super::is_bot;

    #[test]
    fn crawlers_are_bots_and_sdks_are_not() {
        for agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0)",
            "AhrefsBot",
        ] {
            assert!(is_bot(agent), "{agent}");
        }
        for agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36",
            "curl/8.5.0",
            "python-requests/2.32",
            "analytics-node/3.1.0",
            "Mozilla/5.0 HeadlessChrome/142.0",
            "",
        ] {
            assert!(!is_bot(agent), "{agent}");
        }
    }
}
