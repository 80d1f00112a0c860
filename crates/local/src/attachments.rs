//! Files attached to documents: in a folder of the developer's by name, or kept from S3 by their SHA-256.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Where attached files are.
#[derive(Debug, Clone)]
pub(crate) struct Attachments {
    /// The developer's own, by name.
    pub(crate) files: Option<PathBuf>,
    /// What `CreateDocument` fetched, by SHA-256 in hexadecimal.
    pub(crate) kept: PathBuf,
}

impl Attachments {
    /// The file of a name whose content has the checksum that the document states, if it states one.
    pub(crate) fn find(&self, name: &str, sha256: Option<&str>) -> Result<PathBuf, String> {
        let stated = sha256.map(str::to_ascii_lowercase).filter(|sum| !sum.is_empty());
        if let Some(sum) = stated.as_deref().filter(|sum| is_checksum(sum)) {
            let kept = self.kept.join(sum);
            if kept.is_file() {
                return Ok(kept);
            }
        }
        let Some(folder) = &self.files else {
            return Err(format!(
                "the attached file `{name}` is not at hand; attach it with CreateDocument, or start with `--files DIR` and put it there"
            ));
        };
        if Path::new(name).components().count() != 1 || name.starts_with('.') {
            return Err(format!("`{name}` is not the name of an attached file"));
        }
        let path = folder.join(name);
        let found =
            digest(&path).map_err(|error| format!("the attached file `{}`: {error}", path.display()))?;
        match stated {
            Some(stated) if stated != found => Err(format!(
                "the attached file `{}` has the SHA-256 {found}, and the document states {stated}",
                path.display()
            )),
            _ => Ok(path),
        }
    }
}

fn is_checksum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn digest(path: &Path) -> std::io::Result<String> {
    let content = std::fs::read(path)?;
    Ok(Sha256::digest(&content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_name_and_must_have_the_stated_checksum() {
        let folder = std::env::temp_dir().join(format!("plumb-attachments-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("fix.py"), "x").unwrap();
        let attachments = Attachments { files: Some(folder.clone()), kept: folder.join("kept") };
        let sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!(attachments.find("fix.py", None), Ok(folder.join("fix.py")));
        assert_eq!(attachments.find("fix.py", Some(&sum.to_uppercase())), Ok(folder.join("fix.py")));
        let wrong = attachments.find("fix.py", Some(&sum.replace('2', "3"))).unwrap_err();
        assert!(wrong.contains(sum), "{wrong}");
        for name in ["../fix.py", "/etc/passwd", ".hidden", ""] {
            assert!(attachments.find(name, None).is_err(), "{name}");
        }
        std::fs::create_dir_all(folder.join("kept")).unwrap();
        std::fs::write(folder.join("kept").join(sum), "x").unwrap();
        assert_eq!(attachments.find("other.py", Some(sum)), Ok(folder.join("kept").join(sum)));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
