//! Whether each crate may be used: its SPDX licence expression against the licences that are allowed.

use spdx::{Expression, ParseMode};

use super::tree::Crate;

/// Crates whose licence is none of those allowed, or can't be read.
pub(super) fn check(crates: &[Crate], allowed: &[String]) -> Vec<String> {
    let wrong = crates.iter().filter(|one| !one.own).filter_map(|one| {
        let Crate { name, version, licence, .. } = one;
        match permitted(licence, allowed) {
            Ok(true) => None,
            Ok(false) => Some(format!("`{name}` {version} is under `{licence}`, which is not allowed")),
            Err(error) => Some(format!("`{name}` {version} has the licence `{licence}`: {error}")),
        }
    });
    wrong.collect()
}

/// Whether an expression can be met with the licences that are allowed. `/` is an old way to write `OR`.
fn permitted(licence: &str, allowed: &[String]) -> Result<bool, String> {
    let expression =
        Expression::parse_mode(licence, ParseMode::LAX).map_err(|error| error.reason.to_string())?;
    Ok(expression.evaluate(|requirement| allowed.iter().any(|one| *one == requirement.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_permitted(licence: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        permitted(licence, &allowed).unwrap()
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        for licence in ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "(MIT OR Zlib) AND Apache-2.0"] {
            assert!(is_permitted(licence), "{licence}");
        }
        for licence in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "Zlib"] {
            assert!(!is_permitted(licence), "{licence}");
        }
        assert!(is_permitted("Apache-2.0 WITH LLVM-exception"));
        assert!(permitted("no licence at all", &[]).is_err());
    }
}
