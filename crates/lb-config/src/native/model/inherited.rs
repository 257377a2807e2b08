//! Tables that hold, beside their own keys, those of another.

/// A table that holds, beside its own, the keys of another.
pub(in crate::native) trait Inherits<Base> {
    fn take_inherited(&mut self) -> Base;
    fn inherits(self, base: Base) -> Self;
}

/// A table of keys that can be inherited, and the table that holds them side by side with keys of its own; or two such
/// tables with keys that both have, and a third that is both. serde's `flatten` would say the same, but it forgets the places
/// and cannot refuse unknown keys.
macro_rules! inherited {
    ($base:ident $fields:tt in $name:ident $own:tt) => {
        inherited! { @base $base $fields }
        inherited! { @table $name [$own] $base $fields }
    };
    ($base:ident $fields:tt in $one:ident $own:tt in $other:ident $others:tt in each $shared:tt both $both:ident) => {
        inherited! { @base $base $fields }
        inherited! { @table $one [$shared $own] $base $fields }
        inherited! { @table $other [$shared $others] $base $fields }
        inherited! { @table $both [$shared $own $others] $base $fields }
    };
    (@base $base:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(in crate::native) struct $base {
            $($(#[$meta])* pub(in crate::native) $field: $type,)*
        }
    };
    (
        @table $name:ident [$({ $($(#[$own_meta:meta])* $own:ident: $own_type:ty,)* })+]
        $base:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }
    ) => {
        #[derive(Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(in crate::native) struct $name {
            $($($(#[$own_meta])* pub(in crate::native) $own: $own_type,)*)+
            $($(#[$meta])* pub(in crate::native) $field: $type,)*
        }

        impl Inherits<$base> for $name {
            fn take_inherited(&mut self) -> $base {
                $base { $($field: std::mem::take(&mut self.$field),)* }
            }

            fn inherits(mut self, base: $base) -> Self {
                $(self.$field = base.$field;)*
                self
            }
        }
    };
}

pub(super) use inherited;
