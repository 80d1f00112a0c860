//! The bill of materials: what is linked into the functions, as [CycloneDX 1.5](https://cyclonedx.org/docs/1.5/json/).
//!
//! The same sources give the same bill, byte for byte: no time, and a serial number that follows from the content.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    lock::Package,
    tree::{self, Crate, Uses},
};

/// The namespace of the serial numbers (a random UUID, fixed for ever).
const SERIALS: Uuid = Uuid::from_u128(0x9d4e_7c21_5b0a_4f6e_8c37_12ab_60f9_d5e4);

/// The bill's text.
pub(super) fn write(root: &Path, locked: &[Package]) -> Result<String, Box<dyn Error>> {
    let mut functions = Vec::new();
    for entry in fs::read_dir(root.join("functions"))? {
        functions.push(format!("plumb-{}", entry?.file_name().to_string_lossy()));
    }
    functions.sort();
    let uses = tree::of_functions(root, &functions)?;
    let mut bill = bill(&uses, &functions, locked);
    let serial = Uuid::new_v5(&SERIALS, bill.to_string().as_bytes());
    if let Some(members) = bill.as_object_mut() {
        members.insert("serialNumber".to_owned(), json!(format!("urn:uuid:{serial}")));
    }
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn bill(uses: &Uses, functions: &[String], locked: &[Package]) -> Value {
    let checksums: BTreeMap<(&str, &str), &str> = locked
        .iter()
        .filter_map(|one| Some(((one.name.as_str(), one.version.as_str()), one.checksum.as_deref()?)))
        .collect();
    let components: Vec<Value> = uses.keys().map(|one| component(one, &checksums)).collect();
    let mut dependencies: Vec<Value> = uses
        .iter()
        .map(|(one, used)| json!({ "ref": reference(one), "dependsOn": used.iter().map(reference).collect::<Vec<_>>() }))
        .collect();
    let roots = uses.keys().filter(|one| functions.contains(&one.name));
    dependencies.push(json!({ "ref": "plumb", "dependsOn": roots.map(reference).collect::<Vec<_>>() }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": "plumb", "name": "plumb", "version": env!("CARGO_PKG_VERSION"),
                "description": "The Lambda functions of Plumb",
            },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn reference(one: &Crate) -> String {
    format!("{}@{}", one.name, one.version)
}

fn component(one: &Crate, checksums: &BTreeMap<(&str, &str), &str>) -> Value {
    let mut members = Map::from_iter([
        ("type".to_owned(), json!("library")),
        ("bom-ref".to_owned(), json!(reference(one))),
        ("name".to_owned(), json!(one.name)),
        ("version".to_owned(), json!(one.version)),
        ("licenses".to_owned(), json!([{ "expression": one.licence.replace('/', " OR ") }])),
    ]);
    if !one.own {
        members.insert("purl".to_owned(), json!(format!("pkg:cargo/{}@{}", one.name, one.version)));
    }
    if let Some(checksum) = checksums.get(&(one.name.as_str(), one.version.as_str())) {
        members.insert("hashes".to_owned(), json!([{ "alg": "SHA-256", "content": checksum }]));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_of_this_checkout_is_the_same_every_time_and_has_no_tool_in_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let locked = super::super::lock::read(&root).unwrap();
        let bill = write(&root, &locked).unwrap();
        assert_eq!(bill, write(&root, &locked).unwrap());
        let read: Value = serde_json::from_str(&bill).unwrap();
        let names: Vec<&str> =
            read["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        for linked in ["plumb-remediate", "plumb-evaluate", "aws-sdk-ssm", "tokio", "rustls"] {
            assert!(names.contains(&linked), "{linked}");
        }
        for not_linked in ["xtask", "plumb-local", "proptest", "insta", "serde_derive", "cfn-guard"] {
            assert!(!names.contains(&not_linked), "{not_linked}");
        }
        let foreign = read["components"].as_array().unwrap().iter().filter(|one| one["purl"].is_string());
        assert!(foreign.clone().count() > 50);
        assert!(
            foreign
                .clone()
                .all(|one| one["hashes"][0]["content"].as_str().is_some_and(|sum| sum.len() == 64))
        );
    }
}
