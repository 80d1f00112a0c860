//! Keeps local AWS apart from a real account.

use std::net::{IpAddr, SocketAddr};

use crate::start::StartError;

/// Whether the environment can't lead to a real account, and the address is loopback.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn check(
    listen: SocketAddr,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), StartError> {
    let mut wrong = Vec::new();
    if !listen.ip().is_loopback() {
        wrong.push(format!("`{}` is not a loopback address; listen on 127.0.0.1", listen.ip()));
    }
    for (name, value) in environment {
        let value = value.trim();
        match name.as_str() {
            _ if value.is_empty() => {}
            "AWS_ACCESS_KEY_ID" if !is_dummy(value) => {
                wrong.push("`AWS_ACCESS_KEY_ID` looks real; set it to `test`, or unset it".to_owned());
            }
            "AWS_PROFILE"
            | "AWS_DEFAULT_PROFILE"
            | "AWS_ROLE_ARN"
            | "AWS_WEB_IDENTITY_TOKEN_FILE"
            | "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
            | "AWS_CONTAINER_CREDENTIALS_FULL_URI" => {
                wrong.push(format!("`{name}` leads to a real account; unset it"));
            }
            _ if name.starts_with("AWS_ENDPOINT_URL") && !is_loopback_url(value) => {
                wrong.push(format!("`{name}` is not on loopback; unset it"));
            }
            _ => {}
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(StartError::new(format!(
        "local AWS runs on loopback with dummy credentials only:\n  {}",
        wrong.join("\n  ")
    )))
}

fn is_dummy(key: &str) -> bool {
    matches!(key.to_ascii_lowercase().as_str(), "test" | "testing" | "dummy" | "fake" | "mock")
        || (key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()))
        || key == "AKIAIOSFODNN7EXAMPLE"
        || key.starts_with("local")
}

pub(crate) fn is_loopback_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<axum::http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(listen: &str, environment: &[(&str, &str)]) -> Result<(), StartError> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        check(listen.parse().unwrap(), environment)
    }

    #[test]
    fn dummy_credentials_on_loopback_are_welcome() {
        for key in ["test", "testing", "DUMMY", "123456789012", "AKIAIOSFODNN7EXAMPLE", "local-1", ""] {
            checked(
                "127.0.0.1:4599",
                &[("AWS_ACCESS_KEY_ID", key), ("AWS_ENDPOINT_URL", "http://localhost:1")],
            )
            .unwrap();
        }
        checked("[::1]:0", &[]).unwrap();
    }

    #[test]
    fn whatever_could_be_a_real_account_is_named_at_once() {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "AKIA1234567890ABCDEF"),
            ("AWS_PROFILE", "production"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/x"),
            ("AWS_ENDPOINT_URL_S3", "https://s3.amazonaws.com"),
        ];
        let StartError(text) = checked("0.0.0.0:4599", &environment).unwrap_err();
        for name in ["0.0.0.0", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "FULL_URI", "AWS_ENDPOINT_URL_S3"] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        assert!(!text.contains("AKIA1234567890ABCDEF"), "the key itself must not be printed");
    }
}
