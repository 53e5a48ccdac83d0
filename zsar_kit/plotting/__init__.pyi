from .audit import plot_class_balance, plot_coverage, plot_lengths
from .doctor import plot_findings
from .flow import FlowArrows, Plane, plot_velocities, plot_velocity_errors
from .history import plot_losses
from .latent import Agreement, Projection, plot_class_similarity, plot_latents
from .readings import plot_contexts, plot_hits, plot_key_parts
from .results import plot_class_differences, plot_confusion, plot_per_class, plot_score_table, plot_seen_unseen_curve
from .semantics import plot_neighbours, plot_similarity, plot_slot_sharing
from .skeleton import plot_film_strip, plot_skeleton
from .skeleton_3d import animate_skeleton, pose_figure, save_animation
from .style import save_figure
from .sweeps import plot_sweep, plot_threshold

__all__ = [
    "Agreement",
    "FlowArrows",
    "Plane",
    "Projection",
    "animate_skeleton",
    "plot_class_balance",
    "plot_class_differences",
    "plot_class_similarity",
    "plot_confusion",
    "plot_contexts",
    "plot_coverage",
    "plot_film_strip",
    "plot_findings",
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
    "plot_sweep",
    "plot_threshold",
    "plot_velocities",
    "plot_velocity_errors",
    "pose_figure",
    "save_animation",
    "save_figure",
]
