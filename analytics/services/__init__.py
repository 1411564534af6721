"""Writes of analytics: the figures are brought up to date."""

from analytics.services.refreshing import figures_findings, rebuild_figures, refresh_figures

__all__ = ["figures_findings", "rebuild_figures", "refresh_figures"]
