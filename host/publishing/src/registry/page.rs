//! The list of tags, which comes in pages.

use crate::place::is_tag;
use http::{HeaderMap, header};
use serde::Deserialize;

/// Tags of one page that are asked for.
pub(super) const PAGE_TAGS: usize = 1_000;

#[derive(Deserialize)]
struct TagList {
    /// Registries write `null` for none.
    tags: Option<Vec<String>>,
}

/// The tags of a page. Why there are none does not repeat what the registry sent, which may be anything.
pub(super) fn tags(body: &[u8]) -> Result<Vec<String>, &'static str> {
    let list: TagList = serde_json::from_slice(body)
        .map_err(|_| "the list of tags is none, expected JSON with an array `tags` of texts")?;
    let tags = list.tags.unwrap_or_default();
    if tags.iter().all(|tag| is_tag(tag)) {
        Ok(tags)
    } else {
        Err("the list of tags has one with characters that no tag may have")
    }
}

/// The query of the page that follows, from `Link: <…>; rel="next"`; none for the last page. Only the query is taken: the
/// rest is where we are.
pub(super) fn next_query(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    links
        .flat_map(|links| links.split(','))
        .find_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = parameters.split(';').any(|parameter| {
                let parameter = parameter.replace([' ', '"'], "").to_ascii_lowercase();
                parameter == "rel=next"
            });
            is_next.then(|| target.split_once('?').map(|(_, query)| query.to_owned()))
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, link.parse().unwrap());
        next_query(&headers)
    }

    #[test]
    fn the_next_page_is_known_by_its_query() {
        assert_eq!(next("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), Some("last=b&n=2".to_owned()));
        assert_eq!(next("<https://elsewhere/x?last=b>; foo=bar; rel=next"), Some("last=b".to_owned()));
        assert_eq!(next("</a?p>; rel=\"prev\", </a?q>; rel=\"next\""), Some("q".to_owned()));
        for none in ["</a?q>; rel=\"prev\"", "</a>; rel=\"next\"", "</a?q; rel=\"next\"", "a?q; rel=next", ""]
        {
            assert_eq!(next(none), None, "{none}");
        }
    }

    #[test]
    fn a_list_has_tags_and_nothing_else() {
        assert_eq!(tags(br#"{"name":"a","tags":["b","c-1.0.0_x"]}"#).unwrap(), ["b", "c-1.0.0_x"]);
        assert!(tags(br#"{"name":"a","tags":null}"#).unwrap().is_empty());
        for odd in ["", "[]", r#"{"tags":"a"}"#, r#"{"tags":["../a"]}"#, r#"{"tags":[""]}"#] {
            assert!(tags(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
