//! The nearest known name to a mistyped one.

/// How alike two names must be to be worth proposing: 0 is nothing in common, 1 is equal. At 0.6 `dri` finds `dir`, `sumary`
/// finds `summary` and `wal` finds `wall`, while `memory` does not find `summary`.
const LIKENESS_MIN: f64 = 0.6;

/// How alike two names are: by the letters to change, swaps of neighbours counting as one, and, for names of which only
/// the beginning was typed, by the beginning they share.
fn likeness(a: &str, b: &str) -> f64 {
    let beginning = if a.len() >= 3 && b.starts_with(a) { LIKENESS_MIN } else { 0.0 };
    strsim::normalized_damerau_levenshtein(a, b).max(beginning)
}

/// The most alike of `known`, if any is alike enough to be what was meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_few(name, known, 1).into_iter().next()
}

/// Up to `count` of `known` that are alike enough, the most alike first.
pub fn nearest_few<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    // A name of any length can come from a client; comparing costs its length times the other's.
    let name: String = name.chars().take(128).flat_map(char::to_lowercase).collect();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (likeness(&name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(count).map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_original() {
        let known = ["memory", "summary", "wall", "cpu"];
        assert_eq!(nearest("sumary", known), Some("summary"));
        assert_eq!(nearest("wal", known), Some("wall"));
        assert_eq!(nearest("MEMORY", known), Some("memory"));
        assert_eq!(nearest("dri", ["dir", "path"]), Some("dir"));
        assert_eq!(nearest("sum", known), Some("summary"));
    }

    #[test]
    fn a_name_like_nothing_known_finds_nothing() {
        assert_eq!(nearest("zzz", ["memory", "wall"]), None);
    }
}
