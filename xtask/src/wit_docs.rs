//! `wit/plugin.wit` as a page to read: `docs/wit.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};
use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId,
    TypeOwner, World, WorldItem, WorldKey,
};

use crate::workspace::Workspace;

const PAGE: &str = "docs/wit.md";

/// Writes the page anew.
///
/// # Errors
/// If the package cannot be read or the page cannot be written.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let page = workspace.path(PAGE);
    fs::write(&page, page_of_package(workspace)?).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{PAGE}");
    Ok(())
}

/// The reference page as Markdown.
fn page_of_package(workspace: &Workspace) -> Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(workspace.path("wit")).context("cannot read the WIT package in wit/")?;
    let package = &resolve.packages[package];
    let mut page = Page { resolve: &resolve, text: String::new() };
    page.paragraph(&format!("# `{}`", package.name))?;
    page.paragraph(
        "The one contract between ft-host and its plugins. A plugin is a component of one of these worlds: what the \
         world imports is all that the plugin may call, and what it exports is all that it has to offer.\n\
         The SDKs for Rust and Python are made of it; with `wit/plugin.wit` itself any other language that compiles to \
         components will do.",
    )?;
    page.paragraph(
        "This version is not frozen yet: until it is, a later host may take only components that are built anew. \
         Components built for version 0.1.0, whose package is [`wit/since-0.1/plugin.wit`](../wit/since-0.1/plugin.wit), \
         run unchanged.",
    )?;
    page.paragraph(
        "This page is `cargo xtask wit`'s rendering of [`wit/plugin.wit`](../wit/plugin.wit), and a test compares them.",
    )?;
    for &world in package.worlds.values() {
        page.world(&resolve.worlds[world])?;
    }
    for &interface in package.interfaces.values() {
        page.interface(interface)?;
    }
    Ok(page.text.trim_end().to_owned() + "\n")
}

/// A page in the making.
struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Page<'_> {
    fn paragraph(&mut self, text: &str) -> Result<()> {
        Ok(write!(self.text, "{}\n\n", text.trim_end())?)
    }

    fn docs(&mut self, docs: &Docs) -> Result<()> {
        match &docs.contents {
            Some(text) => self.paragraph(text),
            None => Ok(()),
        }
    }

    /// One table; no table where there are no rows.
    fn table(&mut self, head: [&str; 3], rows: impl IntoIterator<Item = Result<[String; 3]>>) -> Result<()> {
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        // A column that every row leaves empty is left out.
        let kept: Vec<_> = (0..head.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
        let mut line = |cells: &[String]| writeln!(self.text, "| {} |", cells.join(" | "));
        if !kept.is_empty() {
            line(&kept.iter().map(|&column| head[column].to_owned()).collect::<Vec<_>>())?;
            line(&vec!["---".to_owned(); kept.len()])?;
            for row in rows {
                let cell = |&column: &usize| row[column].replace('|', "\\|");
                line(&kept.iter().map(cell).collect::<Vec<_>>())?;
            }
            self.text.push('\n');
        }
        Ok(())
    }

    fn world(&mut self, world: &World) -> Result<()> {
        self.paragraph(&format!("## World `{}`", world.name))?;
        self.docs(&world.docs)?;
        for (word, items) in [("imports", &world.imports), ("exports", &world.exports)] {
            let names =
                items.iter().map(|(key, item)| self.interface_of_world(key, item)).collect::<Result<Vec<_>>>()?;
            self.paragraph(&format!("It {word} {}.", names.join(", ")))?;
        }
        Ok(())
    }

    fn interface_of_world(&self, key: &WorldKey, item: &WorldItem) -> Result<String> {
        match item {
            WorldItem::Interface { id, .. } => Ok(link(self.interface_name(*id)?)),
            _ => bail!("{}: only interfaces are rendered in a world", self.resolve.name_world_key(key)),
        }
    }

    fn interface_name(&self, interface: InterfaceId) -> Result<&str> {
        self.resolve.interfaces[interface].name.as_deref().context("an interface without a name cannot be rendered")
    }

    fn interface(&mut self, id: InterfaceId) -> Result<()> {
        let interface = &self.resolve.interfaces[id];
        self.paragraph(&format!("## Interface `{}`", self.interface_name(id)?))?;
        self.docs(&interface.docs)?;
        self.foreign_types(interface)?;
        for &id in interface.types.values() {
            self.type_of_interface(interface, id)?;
        }
        let free = interface.functions.values().filter(|function| function.kind == FunctionKind::Freestanding);
        self.functions(&free.collect::<Vec<_>>(), "###")
    }

    /// Which types come from elsewhere.
    fn foreign_types(&mut self, interface: &Interface) -> Result<()> {
        let mut homes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, &id) in &interface.types {
            if let Some(home) = self.home(&self.resolve.types[id]) {
                homes.entry(self.interface_name(home)?).or_default().push(format!("`{name}`"));
            }
        }
        let homes: Vec<_> =
            homes.iter().map(|(home, names)| format!("{} of {}", names.join(", "), link(home))).collect();
        if homes.is_empty() { Ok(()) } else { self.paragraph(&format!("Uses {}.", homes.join("; "))) }
    }

    /// The interface that a type was taken from with `use`.
    fn home(&self, definition: &TypeDef) -> Option<InterfaceId> {
        let TypeDefKind::Type(Type::Id(original)) = definition.kind else { return None };
        match self.resolve.types[original].owner {
            TypeOwner::Interface(home) if definition.owner != TypeOwner::Interface(home) => Some(home),
            _ => None,
        }
    }

    fn type_of_interface(&mut self, interface: &Interface, id: TypeId) -> Result<()> {
        let definition = &self.resolve.types[id];
        if self.home(definition).is_some() {
            return Ok(());
        }
        let name = definition.name.as_deref().context("a type of an interface has no name")?;
        self.paragraph(&format!("### {} `{name}`", definition.kind.as_str()))?;
        self.docs(&definition.docs)?;
        match &definition.kind {
            TypeDefKind::Record(record) => {
                let row =
                    |field: &wit_parser::Field| Ok([code(&field.name), self.shown(&field.ty)?, line(&field.docs)]);
                let rows: Vec<_> = record.fields.iter().map(row).collect();
                self.table(["field", "type", "meaning"], rows)
            }
            TypeDefKind::Variant(variant) => {
                let shown = |ty: &Option<Type>| ty.as_ref().map_or(Ok(String::new()), |ty| self.shown(ty));
                let row = |case: &wit_parser::Case| Ok([code(&case.name), shown(&case.ty)?, line(&case.docs)]);
                let rows: Vec<_> = variant.cases.iter().map(row).collect();
                self.table(["case", "holds", "meaning"], rows)
            }
            TypeDefKind::Enum(cases) => {
                let row = |case: &wit_parser::EnumCase| Ok([code(&case.name), String::new(), line(&case.docs)]);
                let rows: Vec<_> = cases.cases.iter().map(row).collect();
                self.table(["case", "", "meaning"], rows)
            }
            TypeDefKind::Resource => {
                let own = interface.functions.values().filter(|function| function.kind.resource() == Some(id));
                self.functions(&own.collect::<Vec<_>>(), "####")
            }
            other => bail!("`{name}`: a {} cannot be rendered yet", other.as_str()),
        }
    }

    fn functions(&mut self, functions: &[&Function], heading: &str) -> Result<()> {
        for function in functions {
            self.paragraph(&format!("{heading} `{}`", function.item_name()))?;
            self.paragraph(&format!("```wit\n{}\n```", self.signature(function)?))?;
            self.docs(&function.docs)?;
        }
        Ok(())
    }

    fn signature(&self, function: &Function) -> Result<String> {
        let (word, skipped) = match function.kind {
            FunctionKind::Freestanding => ("", 0),
            FunctionKind::Static(_) => ("static ", 0),
            // The first parameter is the resource itself, which is not written.
            FunctionKind::Method(_) => ("", 1),
            _ => bail!("`{}`: such a function cannot be rendered yet", function.name),
        };
        let parameters = function.params.iter().skip(skipped);
        let parameters =
            parameters.map(|parameter| Ok(format!("{}: {}", parameter.name, self.type_name(&parameter.ty)?)));
        let parameters = parameters.collect::<Result<Vec<_>>>()?.join(", ");
        let result = function.result.as_ref().map(|ty| self.type_name(ty)).transpose()?;
        let result = result.map(|result| format!(" -> {result}")).unwrap_or_default();
        Ok(format!("{}: {word}func({parameters}){result};", function.item_name()))
    }

    /// A type in a table.
    fn shown(&self, ty: &Type) -> Result<String> {
        Ok(code(&self.type_name(ty)?))
    }

    /// A type as WIT has it.
    fn type_name(&self, ty: &Type) -> Result<String> {
        let id = match ty {
            Type::Bool => return Ok("bool".into()),
            Type::U8 => return Ok("u8".into()),
            Type::U16 => return Ok("u16".into()),
            Type::U32 => return Ok("u32".into()),
            Type::U64 => return Ok("u64".into()),
            Type::S8 => return Ok("s8".into()),
            Type::S16 => return Ok("s16".into()),
            Type::S32 => return Ok("s32".into()),
            Type::S64 => return Ok("s64".into()),
            Type::F32 => return Ok("f32".into()),
            Type::F64 => return Ok("f64".into()),
            Type::Char => return Ok("char".into()),
            Type::String => return Ok("string".into()),
            Type::ErrorContext => return Ok("error-context".into()),
            Type::Id(id) => *id,
        };
        let definition = &self.resolve.types[id];
        if let Some(name) = &definition.name {
            return Ok(name.clone());
        }
        let or_nothing = |ty: &Option<Type>| ty.as_ref().map_or(Ok("_".into()), |ty| self.type_name(ty));
        Ok(match &definition.kind {
            TypeDefKind::List(ty) => format!("list<{}>", self.type_name(ty)?),
            TypeDefKind::Option(ty) => format!("option<{}>", self.type_name(ty)?),
            TypeDefKind::Result(result) => format!("result<{}, {}>", or_nothing(&result.ok)?, or_nothing(&result.err)?),
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.type_name(ty)).collect::<Result<Vec<_>>>()?;
                format!("tuple<{}>", types.join(", "))
            }
            TypeDefKind::Handle(Handle::Own(id)) | TypeDefKind::Type(Type::Id(id)) => self.type_name(&Type::Id(*id))?,
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.type_name(&Type::Id(*id))?),
            other => bail!("a {} without a name cannot be rendered yet", other.as_str()),
        })
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A link to the heading of an interface.
fn link(interface: &str) -> String {
    format!("[`{interface}`](#interface-{interface})")
}

/// Docs on one line, for a cell of a table.
fn line(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_that_of_the_package() {
        let workspace = Workspace::find().unwrap();
        let page = fs::read_to_string(workspace.path(PAGE)).unwrap_or_default();
        let rendered = page_of_package(&workspace).unwrap();
        let different = page.lines().zip(rendered.lines()).position(|(page, rendered)| page != rendered);
        let place = different.unwrap_or(page.lines().count().min(rendered.lines().count())) + 1;
        assert!(
            page == rendered,
            "{PAGE} differs from wit/plugin.wit at line {place}: `cargo xtask wit` writes it anew"
        );
    }
}
