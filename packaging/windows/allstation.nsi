; Set-up for Windows: one program folder, for the person alone (no administrator needed) or for everybody.
;
;   makensis -DVERSION=0.1.0 -DEDITION=classify-only -DPAYLOAD=FOLDER -DLICENCE=FILE -DOUTFILE=NAME.exe allstation.nsi
;
; Switches of the finished set-up:  /S silent   /CurrentUser | /AllUsers   /D=C:\folder (last, unquoted)
; Cases, settings and models lie in the person's own folders; neither set-up nor removal touches them.

Unicode true
Target amd64-unicode
ManifestSupportedOS Win10
ManifestDPIAware true
ManifestLongPathAware true
SetCompressor /SOLID lzma
!ifdef FAST
  SetCompress off
!endif

!ifndef VERSION | EDITION | PAYLOAD | OUTFILE | LICENCE
  !error "Give -DVERSION=, -DEDITION=, -DPAYLOAD=, -DLICENCE= and -DOUTFILE= (packaging/build.py does)."
!endif

!define APP "ALL Station"
!define KEY "ALLStation"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${KEY}"
!define CASE_VERB "Software\Classes\Directory\shell\${KEY}"
!define MODEL_CLASS "ALLStation.Model"

; One set-up serves both kinds of installation. A person without administrator rights is asked nothing and can
; install for herself alone; an administrator is asked by Windows once and may choose.
!define MULTIUSER_EXECUTIONLEVEL Highest
!define MULTIUSER_MUI
!define MULTIUSER_INSTALLMODE_COMMANDLINE
!define MULTIUSER_INSTALLMODE_DEFAULT_CURRENTUSER
!define MULTIUSER_INSTALLMODE_INSTDIR "${APP}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_KEY "Software\${KEY}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_VALUENAME "Folder"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_KEY "Software\${KEY}"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_VALUENAME "Folder"
!define MULTIUSER_USE_PROGRAMFILES64
!include MultiUser.nsh
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include WinVer.nsh
!include x64.nsh

Name "${APP} ${VERSION}"
OutFile "${OUTFILE}"
BrandingText "For Research Use Only. Not for use in diagnostic procedures."
ShowInstDetails nevershow
ShowUninstDetails nevershow

VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${APP}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${APP} set-up (${EDITION} edition)"
VIAddVersionKey "LegalCopyright" "Apache License 2.0"

!ifdef ICON
  !define MUI_ICON "${ICON}"
  !define MUI_UNICON "${ICON}"
!endif
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\allstation.exe"
!define MUI_FINISHPAGE_RUN_TEXT "Open ${APP}"

!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MULTIUSER_PAGE_INSTALLMODE
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; A program that runs keeps its own file open; a set-up that went on would leave half of each version.
!macro REFUSE_WHILE_RUNNING
  ${If} ${FileExists} "$INSTDIR\allstation.exe"
    ClearErrors
    FileOpen $0 "$INSTDIR\allstation.exe" a
    ${If} ${Errors}
      MessageBox MB_OK|MB_ICONEXCLAMATION "${APP} is running. Close it, then start this again." /SD IDOK
      SetErrorLevel 3
      Abort
    ${EndIf}
    FileClose $0
  ${EndIf}
!macroend

; Everything below _internal is the program's own and is removed as a whole: a file that an older version had
; and this one has not would stay and be loaded. The folder itself goes only when nothing else lies in it.
!macro REMOVE_PROGRAM
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\allstation.exe"
  Delete "$INSTDIR\allstation-cli.exe"
!macroend

Function .onInit
  ${IfNot} ${RunningX64}
    MessageBox MB_OK|MB_ICONSTOP "${APP} needs a 64-bit Windows." /SD IDOK
    SetErrorLevel 4
    Abort
  ${EndIf}
  ${IfNot} ${AtLeastWin10}
    MessageBox MB_OK|MB_ICONSTOP "${APP} needs Windows 10 or later." /SD IDOK
    SetErrorLevel 4
    Abort
  ${EndIf}
  SetRegView 64
  ; A folder named with /D= stands in $INSTDIR already, and MULTIUSER_INIT would forget it.
  StrCpy $R9 $INSTDIR
  !insertmacro MULTIUSER_INIT
  ${If} $R9 != ""
    StrCpy $INSTDIR $R9
  ${EndIf}
FunctionEnd

Function un.onInit
  SetRegView 64
  !insertmacro MULTIUSER_UNINIT
FunctionEnd

Section "Program"
  !insertmacro REFUSE_WHILE_RUNNING
  !insertmacro REMOVE_PROGRAM
  SetOutPath "$INSTDIR"
  File /r "${PAYLOAD}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"

  CreateDirectory "$SMPROGRAMS\${APP}"
  CreateShortcut "$SMPROGRAMS\${APP}\${APP}.lnk" "$INSTDIR\allstation.exe"
  CreateShortcut "$SMPROGRAMS\${APP}\Remove ${APP}.lnk" "$INSTDIR\uninstall.exe"

  ; A case is a folder: folders whose name ends in .allcase get an entry in their menu.
  WriteRegStr SHCTX "${CASE_VERB}" "" "Open with ${APP}"
  WriteRegStr SHCTX "${CASE_VERB}" "Icon" "$INSTDIR\allstation.exe,0"
  WriteRegStr SHCTX "${CASE_VERB}" "AppliesTo" 'System.FileName:"*.allcase"'
  WriteRegStr SHCTX "${CASE_VERB}\command" "" '"$INSTDIR\allstation.exe" "%1"'
  WriteRegStr SHCTX "Software\Classes\.allmodel" "" "${MODEL_CLASS}"
  WriteRegStr SHCTX "Software\Classes\${MODEL_CLASS}" "" "${APP} model bundle"
  WriteRegStr SHCTX "Software\Classes\${MODEL_CLASS}\DefaultIcon" "" "$INSTDIR\allstation.exe,0"
  WriteRegStr SHCTX "Software\Classes\${MODEL_CLASS}\shell\open\command" "" '"$INSTDIR\allstation.exe" "%1"'

  WriteRegStr SHCTX "Software\${KEY}" "Folder" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayName" "${APP}"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\allstation.exe,0"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "Publisher" "${APP} project"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "Comments" "${EDITION} edition. For Research Use Only."
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode'
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode /S'
  WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  IntFmt $0 "0x%08X" $0
  WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "EstimatedSize" "$0"
  ${RefreshShellIcons}
SectionEnd

Section "Uninstall"
  !insertmacro REFUSE_WHILE_RUNNING
  !insertmacro REMOVE_PROGRAM
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\${APP}\${APP}.lnk"
  Delete "$SMPROGRAMS\${APP}\Remove ${APP}.lnk"
  RMDir "$SMPROGRAMS\${APP}"
  DeleteRegKey SHCTX "${CASE_VERB}"
  ReadRegStr $0 SHCTX "Software\Classes\.allmodel" ""
  ${If} $0 == "${MODEL_CLASS}"
    DeleteRegKey SHCTX "Software\Classes\.allmodel"
  ${EndIf}
  DeleteRegKey SHCTX "Software\Classes\${MODEL_CLASS}"
  DeleteRegKey SHCTX "${UNINSTALL_KEY}"
  DeleteRegKey SHCTX "Software\${KEY}"
  ${RefreshShellIcons}
SectionEnd
