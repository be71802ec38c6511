//! The query of a request, read strictly: each parameter once, and only those that there are.

use super::filter::quoted;
use super::problem::ApiError;
use super::shortened;
use axum::extract::Query;
use http::Uri;
use mainworker_domain::nearest::nearest;

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query of `uri`.
    ///
    /// # Errors
    /// `bad_filter` for a parameter that is not one of `known`, or is there twice.
    pub(super) fn read(uri: &Uri, known: &'static [&'static str]) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| bad_query())?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(unknown(name, known));
            }
            if pairs[..index].iter().any(|(other, _)| other == name) {
                return Err(ApiError::BadFilter {
                    name: name.clone(),
                    found: "there twice".to_owned(),
                    expected: "it once".to_owned(),
                    nearest: None,
                });
            }
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter that is a switch is on: there, and not `false`.
    pub(super) fn is_on(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(ApiError::BadFilter {
                name: name.to_owned(),
                found: quoted(other),
                expected: "`true`, `false` or nothing".to_owned(),
                nearest: None,
            }),
        }
    }
}

/// A filter that there is not.
pub(super) fn unknown(name: &str, known: &'static [&'static str]) -> ApiError {
    let nearest = nearest(name, known.iter().copied());
    ApiError::UnknownFilter { name: shortened(name), known, nearest }
}

fn bad_query() -> ApiError {
    ApiError::BadFilter {
        name: "query".to_owned(),
        found: "nothing that can be read".to_owned(),
        expected: "`name=value` joined by `&`".to_owned(),
        nearest: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Result<Parameters, ApiError> {
        let uri = format!("/v1/tasks/x/log?{query}").parse().unwrap();
        Parameters::read(&uri, &["cursor", "follow"])
    }

    #[test]
    fn each_parameter_is_known_and_there_once() {
        let read = parameters("cursor=a%20b&follow").unwrap();
        assert_eq!((read.get("cursor"), read.get("follow")), (Some("a b"), Some("")));
        let problem = parameters("folow=1").unwrap_err().problem();
        assert_eq!(problem.code, "bad_filter");
        assert_eq!(problem.detail, "there is no filter `folow`, expected some of `cursor`, `follow`");
        assert_eq!(problem.hint.as_deref(), Some("did you mean `follow`?"));
        assert_eq!(parameters("follow&follow").unwrap_err().code(), "bad_filter");
        assert!(parameters("").is_ok());
    }

    #[test]
    fn a_switch_is_on_or_off() {
        for (query, on) in
            [("", false), ("follow=false", false), ("follow", true), ("follow=", true), ("follow=true", true)]
        {
            assert_eq!(parameters(query).unwrap().is_on("follow").unwrap(), on, "{query}");
        }
        assert_eq!(parameters("follow=maybe").unwrap().is_on("follow").unwrap_err().code(), "bad_filter");
    }
}
