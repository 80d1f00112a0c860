//! The image that functions run in. Users get AWS's own; where no registry can be reached, a stand-in from Debian's packages.

use std::{
    error::Error,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use crate::tools::run;

/// What `sam local invoke` asks for, for a `provided.al2023` function on `x86_64`.
const IMAGE: &str = "public.ecr.aws/lambda/provided:al2023-x86_64";

/// What a static-enough Rust bootstrap and SAM's own `RUN` lines need: the C library, a shell, the certificates.
const PACKAGES: [&str; 4] = ["libc6", "libgcc-s1", "busybox-static", "ca-certificates"];

/// Whether an engine answers.
pub(crate) fn engine() -> bool {
    let mut version = Command::new("docker");
    version.args(["version", "--format", "{{.Server.Version}}"]).stdin(Stdio::null());
    version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Makes sure that the image is there: AWS's own if somebody pulled it, else the stand-in.
pub(crate) fn ensure(root: &Path) -> Result<(), Box<dyn Error>> {
    let mut inspect = Command::new("docker");
    inspect.args(["image", "inspect", IMAGE]).stdout(Stdio::null()).stderr(Stdio::null());
    if inspect.status()?.success() {
        return Ok(());
    }
    let home = root.join(".plumb/sam-image");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let (packages, image) = (home.join("packages"), home.join("image"));
    fs::create_dir_all(&packages)?;
    fs::create_dir_all(&image)?;
    let mut download = Command::new("apt-get");
    download.arg("download").args(PACKAGES).current_dir(&packages);
    if run(&mut download, "apt-get download").is_err() {
        run(Command::new("apt-get").arg("update"), "apt-get update")?;
        run(&mut download, "apt-get download")?;
    }
    for package in fs::read_dir(&packages)? {
        let mut unpack = Command::new("dpkg-deb");
        run(unpack.arg("-x").arg(package?.path()).arg(&image), "dpkg-deb -x")?;
    }
    furnish(&image)?;
    let archive = home.join("image.tar");
    run(Command::new("tar").arg("-C").arg(&image).arg("-cf").arg(&archive).arg("."), "tar")?;
    let mut import = Command::new("docker");
    import.args(["import", "--change", "LABEL plumb=stand-in", "--change", "WORKDIR /var/task"]);
    import.args(["--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task"]);
    run(import.arg(&archive).arg(IMAGE), "docker import")?;
    Ok(())
}

/// The folders that Lambda has, a shell, and the bundle of certificates that Debian makes when the package is installed.
fn furnish(image: &Path) -> Result<(), Box<dyn Error>> {
    for folder in ["tmp", "var/task", "var/runtime", "opt", "etc/ssl/certs"] {
        fs::create_dir_all(image.join(folder))?;
    }
    fs::set_permissions(image.join("tmp"), Permissions::from_mode(0o1777))?;
    for name in ["sh", "chmod", "mkdir", "mv"] {
        symlink("busybox", image.join("bin").join(name))?;
    }
    let mut bundle = Vec::new();
    for certificate in fs::read_dir(image.join("usr/share/ca-certificates/mozilla"))? {
        bundle.extend(fs::read(certificate?.path())?);
    }
    fs::write(image.join("etc/ssl/certs/ca-certificates.crt"), bundle)?;
    fs::write(image.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    Ok(())
}
