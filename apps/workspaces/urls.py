"""Addresses about people and workspaces."""

from django.urls import path

from apps.workspaces import session_views, support_views, two_step_views, views

outside = [
    path("", views.start, name="start"),
    path("workspaces/new/", views.new_workspace, name="new_workspace"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("profile/", views.profile, name="profile"),
    # Ours stand before allauth's pages of the same addresses.
    path("accounts/2fa/", two_step_views.Overview.as_view(), name="mfa_index"),
    path("accounts/2fa/totp/activate/", two_step_views.SetUp.as_view(), name="mfa_activate_totp"),
    path("accounts/2fa/totp/deactivate/", two_step_views.TurnOff.as_view(), name="mfa_deactivate_totp"),
    path(
        "accounts/2fa/recovery-codes/generate/", two_step_views.NewCodes.as_view(), name="mfa_generate_recovery_codes"
    ),
    path("accounts/sessions/", session_views.listed, name="usersessions_list"),
    path("accounts/sessions/end-others/", session_views.end_others, name="end_other_sessions"),
    path("accounts/sessions/<int:session_id>/end/", session_views.end_one, name="end_session"),
]
inside = [
    path("settings/", views.members, name="members"),
    path("settings/invite/", views.invite, name="invite"),
    path("settings/invitations/<int:invitation_id>/withdraw/", views.withdraw, name="withdraw"),
    path("settings/members/<int:membership_id>/", views.change_member, name="change_member"),
    path("settings/members/<int:membership_id>/reset-two-steps/", two_step_views.reset_member, name="reset_two_steps"),
    path("settings/two-steps/", two_step_views.require, name="require_two_steps"),
    path("settings/keys/", views.api_keys, name="api_keys"),
    path("settings/keys/<int:key_id>/revoke/", views.revoke, name="revoke_key"),
    path("settings/audit/", views.audit_trail, name="audit_trail"),
    path("settings/support/", support_views.support_access, name="support_access"),
    path("settings/support/revoke/", support_views.revoke_support, name="revoke_support"),
    path("settings/workspace/", views.workspace_settings, name="workspace_settings"),
    path("settings/workspace/erase/", views.erase_workspace, name="erase_workspace"),
    path("settings/workspace/keep/", views.keep_workspace, name="keep_workspace"),
]
