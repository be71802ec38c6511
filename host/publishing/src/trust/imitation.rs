//! Names that people take for another one.
//!
//! Somebody whose key is trusted for many jobs could publish `edge-1ogs` and have it deployed by whoever reads `edge-logs`.
//! Such a name is only taken if a key was trusted for exactly it.

use mainworker_domain::job_name::JobName;

/// Letters of a name from which on one letter more, less or other makes it look like another one. Of shorter names every
/// second one does.
const EDIT_CHARS_MIN: usize = 4;

/// Which of the others a name can be taken for. None if it is one of them.
pub fn imitates<'a>(name: &JobName, others: impl IntoIterator<Item = &'a JobName>) -> Option<JobName> {
    let mut imitated = None;
    for other in others {
        if other == name {
            return None;
        }
        if imitated.is_none() && is_like(name.as_str(), other.as_str()) {
            imitated = Some(other.clone());
        }
    }
    imitated
}

fn is_like(name: &str, other: &str) -> bool {
    let long_enough = name.len().min(other.len()) >= EDIT_CHARS_MIN;
    skeleton(name) == skeleton(other) || (long_enough && is_one_edit(name.as_bytes(), other.as_bytes()))
}

/// What a hasty reader sees of a name: look-alikes are one letter, and hyphens do not count.
fn skeleton(name: &str) -> String {
    let letters = name.chars().filter(|&letter| letter != '-').map(|letter| match letter {
        '0' => 'o',
        '1' | 'i' => 'l',
        '5' => 's',
        letter => letter,
    });
    letters.collect::<String>().replace("rn", "m")
}

/// Whether one letter more, less or other, or two neighbours in each other's place, are all the difference.
fn is_one_edit(a: &[u8], b: &[u8]) -> bool {
    let same_before = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same_before..], &b[same_before..]);
    let same_after = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - same_after], &b[..b.len() - same_after]) {
        ([_], [] | [_]) | ([], [_]) => true,
        ([first, second], [third, fourth]) => first == fourth && second == third,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> JobName {
        JobName::parse(name).unwrap()
    }

    #[test]
    fn look_alikes_and_single_edits_imitate() {
        for (name, other) in [
            ("edge-l0gs", "edge-logs"),
            ("edge-1ogs", "edge-logs"),
            ("edge-iogs", "edge-logs"),
            ("edge-log5", "edge-logs"),
            ("edgelogs", "edge-logs"),
            ("edge--logs", "edge-logs"),
            ("e-dge-logs", "edge-logs"),
            ("modern", "modem"),
            ("edge-log", "edge-logs"),
            ("edge-logss", "edge-logs"),
            ("edge-logz", "edge-logs"),
            ("egde-logs", "edge-logs"),
            ("a-0", "a-o"),
            ("s0", "so"),
        ] {
            assert_eq!(imitates(&job(name), [&job(other)]), Some(job(other)), "{name}");
            assert_eq!(imitates(&job(other), [&job(name)]), Some(job(name)), "{other}");
        }
    }

    #[test]
    fn other_names_do_not_and_neither_does_one_that_is_there() {
        for (name, other) in [
            ("edge-logs", "edge-hits"),
            ("echo", "mail"),
            ("abc", "abd"),
            ("send-email", "send-mails"),
            ("a", "b"),
        ] {
            assert_eq!(imitates(&job(name), [&job(other)]), None, "{name}");
        }
        let there = [job("edge-log"), job("edge-logs"), job("edge-logz")];
        assert_eq!(imitates(&job("edge-logs"), &there), None, "it was deployed before");
        assert_eq!(imitates(&job("edge-logy"), &there), Some(job("edge-log")), "the first of several");
    }
}
