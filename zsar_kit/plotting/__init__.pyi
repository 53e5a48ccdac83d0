from .audit import plot_class_balance as plot_class_balance
from .audit import plot_coverage as plot_coverage
from .audit import plot_lengths as plot_lengths
from .history import plot_losses as plot_losses
from .latent import Projection as Projection
from .latent import plot_class_similarity as plot_class_similarity
from .latent import plot_latents as plot_latents
from .readings import plot_contexts as plot_contexts
from .readings import plot_hits as plot_hits
from .readings import plot_key_parts as plot_key_parts
from .results import plot_class_differences as plot_class_differences
from .results import plot_confusion as plot_confusion
from .results import plot_per_class as plot_per_class
from .results import plot_score_table as plot_score_table
from .results import plot_seen_unseen_curve as plot_seen_unseen_curve
from .semantics import plot_neighbours as plot_neighbours
from .semantics import plot_similarity as plot_similarity
from .semantics import plot_slot_sharing as plot_slot_sharing
from .skeleton import plot_film_strip as plot_film_strip
from .skeleton import plot_skeleton as plot_skeleton
from .skeleton_3d import animate_skeleton as animate_skeleton
from .skeleton_3d import pose_figure as pose_figure
from .skeleton_3d import save_animation as save_animation
from .style import save_figure as save_figure

__all__ = [
    "Projection",
    "animate_skeleton",
    "plot_class_balance",
    "plot_class_differences",
    "plot_class_similarity",
    "plot_confusion",
    "plot_contexts",
    "plot_coverage",
    "plot_film_strip",
    "plot_hits",
    "plot_key_parts",
    "plot_latents",
    "plot_lengths",
    "plot_losses",
    "plot_neighbours",
    "plot_per_class",
    "plot_score_table",
    "plot_seen_unseen_curve",
    "plot_similarity",
    "plot_skeleton",
    "plot_slot_sharing",
    "pose_figure",
    "save_animation",
    "save_figure",
]
