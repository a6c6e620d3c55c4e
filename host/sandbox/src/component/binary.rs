//! A plugin's file: its bytes, its digest, and what it imports and exports, read before anything is compiled.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload};

use ft_engine::text::harmless_within;

/// The bytes of a plugin and where they are from.
#[derive(Clone)]
pub struct PluginBinary {
    file: String,
    bytes: Arc<[u8]>,
    sha256: String,
}

/// Why bytes are not a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAComponent {
    /// A file of no bytes.
    #[error("expected a component, got an empty file")]
    Empty,
    /// A module without an interface.
    #[error("expected a component, got a core WebAssembly module")]
    CoreModule,
    /// WebAssembly in its text form.
    #[error("expected a component, got WebAssembly text")]
    WebAssemblyText,
    /// Text that is not WebAssembly's.
    #[error("expected a component, got text that starts with `{start}`")]
    Text {
        /// The first characters of the text.
        start: String,
    },
    /// A zip archive, a Python wheel among others.
    #[error("expected a component, got a zip archive")]
    Zip,
    /// A native program or library.
    #[error("expected a component, got a native program or library ({format})")]
    Native {
        /// Name of the format, like ELF.
        format: &'static str,
    },
    /// Bytes of an unknown format.
    #[error("expected a component, got bytes that start with {start}")]
    Unknown {
        /// The first bytes in hexadecimal.
        start: String,
    },
    /// A component that ends too early.
    #[error("truncated component: its {size} bytes end within a section")]
    Truncated {
        /// How many bytes there are.
        size: usize,
    },
    /// A component whose bytes make no sense.
    #[error("damaged component at byte {offset}: {reason}")]
    Damaged {
        /// Offset of the first byte that makes no sense.
        offset: usize,
        /// Message of the parser.
        reason: String,
    },
}

/// The names of a component's imports and exports.
pub(crate) struct Surface {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

impl PluginBinary {
    /// A plugin's bytes; `file` names them in messages.
    pub fn new(file: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { file: file.into(), bytes, sha256 }
    }

    /// The name that messages use.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The bytes as they were read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Reads the names of imports and exports.
    pub(crate) fn surface(&self) -> Result<Surface, NotAComponent> {
        recognise(&self.bytes)?;
        let mut surface = Surface { imports: Vec::new(), exports: Vec::new() };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(&self.bytes) {
            match payload.map_err(|error| self.unreadable(&error))? {
                // What nested modules and components import and export is their own affair.
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        surface.imports.push(import.map_err(|error| self.unreadable(&error))?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        surface.exports.push(export.map_err(|error| self.unreadable(&error))?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    fn unreadable(&self, error: &wasmparser::Error) -> NotAComponent {
        // The parser has no kind for this, only the message.
        if error.message().starts_with("unexpected end") {
            NotAComponent::Truncated { size: self.bytes.len() }
        } else {
            NotAComponent::Damaged { offset: error.offset(), reason: harmless_within(error.message(), 200) }
        }
    }
}

/// Tells a component from whatever else a person may name by mistake.
fn recognise(bytes: &[u8]) -> Result<(), NotAComponent> {
    let formats: [(&[u8], NotAComponent); 6] = [
        (b"PK\x03\x04", NotAComponent::Zip),
        (b"\x7fELF", NotAComponent::Native { format: "ELF" }),
        (b"MZ", NotAComponent::Native { format: "PE" }),
        (b"\xcf\xfa\xed\xfe", NotAComponent::Native { format: "Mach-O" }),
        (b"\xca\xfe\xba\xbe", NotAComponent::Native { format: "Mach-O" }),
        (b"!<arch>\n", NotAComponent::Native { format: "static library" }),
    ];
    if bytes.is_empty() {
        return Err(NotAComponent::Empty);
    }
    if let Some((_, found)) = formats.into_iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(found);
    }
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return Err(NotAComponent::CoreModule);
    }
    if bytes.len() < 8 && b"\0asm\x0d\0\x01\0".starts_with(bytes) {
        return Err(NotAComponent::Truncated { size: bytes.len() });
    }
    let head = &bytes[..bytes.len().min(64)];
    match readable(head) {
        Some(text) if text.trim_start().starts_with("(component") || text.trim_start().starts_with("(module") => {
            Err(NotAComponent::WebAssemblyText)
        }
        Some(text) => Err(NotAComponent::Text { start: harmless_within(text, 24) }),
        None => {
            let start: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Err(NotAComponent::Unknown { start: start.join(" ") })
        }
    }
}

/// The bytes as text, if they are text; the last character may be cut in two.
fn readable(head: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_text = text.chars().all(|character| !character.is_control() || character.is_ascii_whitespace());
    (is_text && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(bytes: &[u8]) -> Result<Vec<String>, String> {
        let surface = PluginBinary::new("x.wasm", bytes).surface().map_err(|error| error.to_string())?;
        Ok([surface.imports, surface.exports].concat())
    }

    #[test]
    fn what_is_not_a_component_is_named() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "expected a component, got an empty file"),
            (b"\0asm\x01\0\0\0", "expected a component, got a core WebAssembly module"),
            (b"\0as", "truncated component: its 3 bytes end within a section"),
            (b"(component)", "expected a component, got WebAssembly text"),
            (b"  (module $m)", "expected a component, got WebAssembly text"),
            (b"<!DOCTYPE html>\n<html>", "expected a component, got text that starts with `<!DOCTYPE html>\\n<html>`"),
            (
                "größe = 1 # \u{202e}".as_bytes(),
                "expected a component, got text that starts with `größe = 1 # \\u{202e}`",
            ),
            (b"PK\x03\x04rest", "expected a component, got a zip archive"),
            (b"\x7fELF\x02\x01", "expected a component, got a native program or library (ELF)"),
            (b"MZ\x90\0", "expected a component, got a native program or library (PE)"),
            (b"\x80\x02}q\0", "expected a component, got bytes that start with 80 02 7d 71 00"),
            (b"\0asm\x0d\0\x01\0\x07\x20", "truncated component: its 10 bytes end within a section"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(surface(bytes), Err(expected.to_owned()), "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_component_has_no_names() {
        assert_eq!(surface(b"\0asm\x0d\0\x01\0"), Ok(Vec::new()));
    }

    #[test]
    fn the_digest_is_sha_256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(PluginBinary::new("x", *b"abc").sha256(), expected);
    }
}
