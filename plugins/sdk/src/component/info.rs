//! Descriptions and options. Both worlds have them, each with types of its own.

use crate::{Description, Error, ErrorKind, OptionKind, OptionSpec, Options, Value};

/// Conversions between this crate's types and those that the bindings in `$world` have for the same things.
macro_rules! convert_info {
    ($world:ident) => {
        pub(super) mod $world {
            use super::*;
            use crate::component::$world::world::{
                exports::forward_tuning::plugin::info, forward_tuning::plugin::types,
            };

            pub(in crate::component) fn description(description: Description) -> info::Description {
                let Description { name, version, summary, options } = description;
                info::Description { name, version, summary, options: options.into_iter().map(spec).collect() }
            }

            pub(in crate::component) fn options(settings: Vec<types::OptionSetting>) -> Options {
                settings.into_iter().map(|setting| (setting.name, value_in(setting.value))).collect()
            }

            pub(in crate::component) fn error(error: Error) -> types::Error {
                let kind = match error.kind {
                    ErrorKind::InvalidOption => types::ErrorKind::InvalidOption,
                    ErrorKind::InvalidData => types::ErrorKind::InvalidData,
                    ErrorKind::Unsupported => types::ErrorKind::Unsupported,
                    ErrorKind::Failed => types::ErrorKind::Failed,
                };
                types::Error { kind, message: error.message }
            }

            fn spec(spec: OptionSpec) -> info::OptionSpec {
                let kind = match spec.kind {
                    OptionKind::Boolean => info::OptionKind::Boolean,
                    OptionKind::Integer(bounds) => info::OptionKind::Integer(info::IntegerRange {
                        minimum: bounds.minimum,
                        maximum: bounds.maximum,
                    }),
                    OptionKind::Number(bounds) => {
                        info::OptionKind::Number(info::NumberRange { minimum: bounds.minimum, maximum: bounds.maximum })
                    }
                    OptionKind::Text => info::OptionKind::Text,
                    OptionKind::Choice(choices) => info::OptionKind::Choice(choices),
                };
                info::OptionSpec { name: spec.name, help: spec.help, kind, default: value_out(spec.default) }
            }

            fn value_in(value: types::OptionValue) -> Value {
                match value {
                    types::OptionValue::Boolean(value) => Value::Boolean(value),
                    types::OptionValue::Integer(value) => Value::Integer(value),
                    types::OptionValue::Number(value) => Value::Number(value),
                    types::OptionValue::Text(value) => Value::Text(value),
                }
            }

            pub(in crate::component) fn value_out(value: Value) -> types::OptionValue {
                match value {
                    Value::Boolean(value) => types::OptionValue::Boolean(value),
                    Value::Integer(value) => types::OptionValue::Integer(value),
                    Value::Number(value) => types::OptionValue::Number(value),
                    Value::Text(value) => types::OptionValue::Text(value),
                }
            }
        }
    };
}

convert_info!(task);
convert_info!(optimizer);
