//! Writes `crds/*.yaml`: `cargo run -p runtimemap-crds --example generate`.

use std::{error::Error, fs, path::Path};

use runtimemap_crds::{definition::definitions, yaml};

fn main() -> Result<(), Box<dyn Error>> {
    for (file, definition) in definitions()? {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), yaml::to_string(&definition)?)?;
    }
    Ok(())
}
