//! The WIT package itself.

use wit_parser::{Docs, Resolve, TypeDefKind, WorldItem};

use super::encode::WIT;

#[test]
fn every_item_of_the_package_is_documented() {
    let mut resolve = Resolve::default();
    resolve.push_str("plugin.wit", WIT).expect("the package parses");
    let mut missing = Vec::new();
    let mut seen = 0;
    let mut check = |docs: &Docs, name: String| {
        seen += 1;
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            missing.push(name);
        }
    };
    for (_, interface) in resolve.interfaces.iter() {
        let place = interface.name.clone().unwrap_or_default();
        check(&interface.docs, place.clone());
        for function in interface.functions.values() {
            check(&function.docs, format!("{place}.{}", function.name));
        }
        for (name, id) in &interface.types {
            let ty = &resolve.types[*id];
            if matches!(ty.kind, TypeDefKind::Type(_)) {
                // A name that `use` brought in is documented where it is from.
                continue;
            }
            check(&ty.docs, format!("{place}.{name}"));
            match &ty.kind {
                TypeDefKind::Record(record) => {
                    record.fields.iter().for_each(|field| check(&field.docs, format!("{place}.{name}.{}", field.name)));
                }
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().for_each(|case| check(&case.docs, format!("{place}.{name}.{}", case.name)));
                }
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().for_each(|case| check(&case.docs, format!("{place}.{name}.{}", case.name)));
                }
                _ => {}
            }
        }
    }
    for (_, world) in resolve.worlds.iter() {
        check(&world.docs, world.name.clone());
    }
    assert!(missing.is_empty(), "without a `///` line: {missing:?}");
    assert!(seen > 100, "only {seen} items were found");
}

#[test]
fn the_worlds_keep_tensors_and_data_apart() {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("plugin.wit", WIT).expect("the package parses");
    let imports = |world: &str| -> Vec<String> {
        let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
        let items = resolve.worlds[world].imports.values();
        let names = items.filter_map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
            _ => None,
        });
        names.collect()
    };
    assert!(!imports("task-plugin").contains(&"tensor".to_owned()));
    let optimizer = imports("optimizer-plugin");
    assert!(!optimizer.contains(&"data".to_owned()) && !optimizer.contains(&"table".to_owned()), "{optimizer:?}");
}
