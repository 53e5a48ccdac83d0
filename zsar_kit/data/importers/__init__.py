"""What others published, made into artefacts of the kit, and back: pooled features, and skeletons in one ``.npz``."""
