//! Finding a time zone by its name.

use super::error::ScheduleError;
use crate::nearest::nearest_few;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Names in the database of a machine that are another zone on another one, or none.
const OF_MACHINES: [&str; 3] = ["localtime", "posixrules", "Factory"];
/// Names that are proposed for one that is not known.
const PROPOSED: usize = 3;

/// The zone of that name, of any case.
pub(super) fn find_zone(name: &str, zones: &TimeZoneDatabase) -> Result<TimeZone, ScheduleError> {
    match zones.get(name) {
        // What a machine calls its own zone, or none at all, is not the same everywhere.
        Ok(zone)
            if !zone.is_unknown() && zone.iana_name().is_some_and(|name| !OF_MACHINES.contains(&name)) =>
        {
            Ok(zone)
        }
        _ => {
            let expected = "a time zone of the IANA database such as `Europe/Berlin` or `UTC`";
            let near = nearest_zones(name, zones);
            Err(ScheduleError::of(name, expected).with_nearest(near.iter().map(String::as_str)))
        }
    }
}

/// Zones of that city, then zones with a name like it.
fn nearest_zones(name: &str, zones: &TimeZoneDatabase) -> Vec<String> {
    let known: Vec<String> = zones.available().map(|zone| zone.as_str().to_owned()).collect();
    let lower: Vec<String> = known.iter().map(|zone| zone.to_ascii_lowercase()).collect();
    let city = name.to_ascii_lowercase().replace(' ', "_");
    let of_city = lower.iter().map(String::as_str).filter(|zone| zone.rsplit('/').next() == Some(&city));
    let mut near: Vec<&str> = of_city.collect();
    near.extend(nearest_few(&city, lower.iter().map(String::as_str), PROPOSED));
    let mut proposed = Vec::new();
    for zone in near {
        let written = known.iter().find(|known| known.eq_ignore_ascii_case(zone));
        if let Some(written) = written.filter(|written| !proposed.contains(*written)) {
            proposed.push(written.clone());
        }
    }
    proposed.truncate(PROPOSED);
    proposed
}
