//! A module as a file: a component with one manifest section, known without running or compiling it.
//!
//! The section counts only at the component's top level; one that a compiler placed inside a nested core module does not.
//! The digest covers the whole file, section included. Admission happens here: exports against the contract, imports
//! against the manifest.

use crate::capabilities::{Import, import_rule};
use crate::refusal::{MANIFEST_SECTION, ModuleRefusal};
use mainworker_domain::catalog::{CONTRACT, ModuleDescription, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::limits::MODULE_BYTES_MAX;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wasmparser::{Encoding, Parser, Payload};

/// The export that makes a component a job.
pub const HANDLER: &str = "mainworker:job/handler@0.1.0";

/// Components inside components. Composed ones have a few levels; the compiler's time grows with the square of them, and
/// compiling cannot be interrupted.
const NESTED_MAX: usize = 64;

/// An admitted module file, not compiled yet.
#[derive(Debug)]
pub struct ModuleFile {
    bytes: Vec<u8>,
    revision: Arc<Revision>,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// What a component shows from outside.
#[derive(Debug, Default)]
struct Outline {
    sections: Vec<Vec<u8>>,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl ModuleFile {
    /// Reads and admits a module.
    ///
    /// # Errors
    /// The first rule that it breaks, from the outside in: size, component, manifest section, exports, imports.
    pub fn admit(bytes: Vec<u8>) -> Result<Self, ModuleRefusal> {
        check_size(&bytes)?;
        let outline = outline(&bytes)?;
        let section = match outline.sections.as_slice() {
            [] => return Err(ModuleRefusal::ManifestMissing),
            [section] => section,
            many => return Err(ModuleRefusal::ManifestRepeated { count: many.len() }),
        };
        let digest = Digest::from_sha256(Sha256::digest(&bytes).into());
        let revision = Revision::from_section(digest, section)?;
        check_handler(&outline.exports)?;
        for import in &outline.imports {
            check_import(import, revision.description())?;
        }
        let Outline { imports, exports, .. } = outline;
        Ok(Self { bytes, revision: Arc::new(revision), imports, exports })
    }

    /// A component without a manifest section, as a compiler leaves it, with the section appended.
    ///
    /// # Errors
    /// Bytes that are not a component, or that have a section already.
    pub fn pack(component: &[u8], description: &ModuleDescription) -> Result<Self, ModuleRefusal> {
        check_size(component)?;
        let outline = outline(component)?;
        if !outline.sections.is_empty() {
            return Err(ModuleRefusal::ManifestRepeated { count: outline.sections.len() + 1 });
        }
        let mut bytes = component.to_vec();
        append_custom_section(&mut bytes, MANIFEST_SECTION, &description.to_section());
        Self::admit(bytes)
    }

    /// The same component with another description in place of its own.
    ///
    /// # Errors
    /// [`ModuleRefusal::ManifestRepeated`] if its section does not stand at the end, where [`ModuleFile::pack`] puts it; what the
    /// other description breaks.
    pub fn described_anew(&self, description: &ModuleDescription) -> Result<Self, ModuleRefusal> {
        let mut end = Vec::new();
        for section in outline(&self.bytes)?.sections {
            append_custom_section(&mut end, MANIFEST_SECTION, &section);
        }
        Self::pack(self.bytes.strip_suffix(end.as_slice()).unwrap_or(&self.bytes), description)
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The revision that the file is.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// The names of the component's imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The names of its exports.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }
}

fn check_size(bytes: &[u8]) -> Result<(), ModuleRefusal> {
    let observed_bytes = bytes.len() as u64;
    if observed_bytes > MODULE_BYTES_MAX {
        return Err(ModuleRefusal::TooLarge { observed_bytes });
    }
    Ok(())
}

/// Appends a custom section: its id 0, its size, its name's size, its name, its data.
fn append_custom_section(bytes: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut body = Vec::with_capacity(name.len() + data.len() + 5);
    leb128(&mut body, name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(data);
    bytes.push(0);
    leb128(bytes, body.len());
    bytes.extend_from_slice(&body);
}

fn leb128(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        // Seven bits at a time fit a byte.
        let low = u8::try_from(value & 0x7f).unwrap_or(0x7f);
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn outline(bytes: &[u8]) -> Result<Outline, ModuleRefusal> {
    let not_wasm = |error: wasmparser::BinaryReaderError| {
        // The reader's text ends with the offset, which helps whoever made the file.
        ModuleRefusal::NotWasm(error.to_string())
    };
    if !bytes.starts_with(b"\0asm") {
        return Err(ModuleRefusal::NotWasm("it does not start with `\\0asm`".to_owned()));
    }
    let mut outline = Outline::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(not_wasm)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(ModuleRefusal::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                if depth > NESTED_MAX {
                    let problem = format!("components are nested deeper than {NESTED_MAX}");
                    return Err(ModuleRefusal::NotCompilable(problem));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == MANIFEST_SECTION => {
                outline.sections.push(section.data().to_vec());
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    outline.imports.push(import.map_err(not_wasm)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    outline.exports.push(export.map_err(not_wasm)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(outline)
}

fn check_handler(exports: &[String]) -> Result<(), ModuleRefusal> {
    if exports.iter().any(|name| name == HANDLER) {
        return Ok(());
    }
    let found =
        exports.iter().find(|name| name.starts_with("mainworker:job/handler")).map(|name| shown(name));
    Err(ModuleRefusal::HandlerMissing { expected: HANDLER.to_owned(), found })
}

fn check_import(import: &str, description: &ModuleDescription) -> Result<(), ModuleRefusal> {
    let contract = CONTRACT.split('@').next().unwrap_or_default();
    if import.starts_with(contract) && !import.ends_with("@0.1.0") {
        return Err(ModuleRefusal::OtherContract { found: shown(import) });
    }
    match import_rule(import) {
        Some(Import::Always) => Ok(()),
        Some(Import::Asked { asks, .. }) if asks(&description.manifest) => Ok(()),
        Some(Import::Asked { line, .. }) => {
            Err(ModuleRefusal::ImportNotAsked { import: shown(import), ask: line })
        }
        None => Err(ModuleRefusal::ImportUnknown { import: shown(import) }),
    }
}

/// A name out of a module, short enough for a message: it can be as long as the module.
fn shown(name: &str) -> String {
    name.chars().take(120).collect()
}
