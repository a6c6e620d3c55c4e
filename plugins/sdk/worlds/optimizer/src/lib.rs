//! Bindings of the WIT world `optimizer-plugin`. Plugins use `ft-plugin`, which wraps them.
//!
//! A crate of its own for each world: both export `info`, and the export macros that are generated for it bear one name.

wit_bindgen::generate!({
    world: "optimizer-plugin",
    path: "../../../../wit",
    pub_export_macro: true,
});
