//! The users' own policies: `rules/*.guard`, compiled in with the feature `guard`.

use plumb_evaluate::Judge;

/// The policy of this name; none without the feature.
#[cfg(not(feature = "guard"))]
pub(crate) fn policy(_: &str) -> Option<Judge> {
    None
}

/// The policy of this name.
#[cfg(feature = "guard")]
pub(crate) fn policy(name: &str) -> Option<Judge> {
    let (name, text) = POLICIES.iter().find(|(known, _)| *known == name)?;
    Some(Judge::Policy {
        name,
        text,
        resource_type: plumb_rules::guard::resource_type(text),
        judge: plumb_rules::guard::judge,
    })
}

#[cfg(feature = "guard")]
static POLICIES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/policies.rs"));
